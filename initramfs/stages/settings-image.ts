// The partition of the medium that any computer can write to: FAT, with deploy-os.conf, which GRUB reads (boot/iso.cfg).
import { join } from 'node:path';
import { runTool } from '../run-tool.ts';

const template = join(import.meta.dirname, '../boot/deploy-os.conf');
/** As small as the volumes that every system takes: FAT12, 1.44 MB. */
const geometry = ['-T', '2880', '-h', '2', '-s', '18'];

/** `epochSeconds`: since 1970, what every date in it is set to. Needs mtools. */
export async function writeSettingsImage(to: string, epochSeconds: number, signal?: AbortSignal): Promise<void> {
  const env = { SOURCE_DATE_EPOCH: String(epochSeconds), MTOOLSRC: '/dev/null' };
  const run = (tool: string, args: readonly string[]) => runTool(tool, args, { env, signal, hint: 'install mtools' });
  await run('mformat', ['-C', '-i', to, ...geometry, '-v', 'SETTINGS', '-N', '44455053', '::']);
  await run('mcopy', ['-t', '-i', to, template, '::/deploy-os.conf']);
}
