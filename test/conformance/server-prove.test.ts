// A proof by the server: every chunk, and file systems by their own tools on a mounted view; and what a server that may not mount says.
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { callOnce } from '../../cli/connect.ts';
import { captureImage } from '../../imaging/capture.ts';
import { openDirectoryStore } from '../../imaging/store/directory-store.ts';
import { type ImageCheck, imageCheckSchema } from '../../protocol/image-check.ts';
import { imageEntrySchema } from '../../protocol/rest.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';
import { ChildServer } from '../server/child-server.ts';
import { eventually } from '../server/support.ts';

const mib = 2 ** 20;
const capabilities = ['net_admin', 'net_bind_service', 'net_raw'];
const dropAllBut = (kept: readonly string[]) =>
  ['inh-caps', 'ambient-caps', 'bounding-set'].map(
    (set) => `--${set}=${['-all', ...kept.map((one) => `+${one}`)].join(',')}`,
  );
/** With the rights of the package's service (scripts/debian/deploy-os.service); its user here is nobody, and its filter of system calls is not there. */
const asService = [
  ...['setpriv', '--reuid=nobody', '--regid=nogroup', '--clear-groups', '--no-new-privs'],
  ...dropAllBut(capabilities),
];
/** As docs/operations/image-checks.md says to allow it. */
const allowed = ['setpriv', '--no-new-privs', ...dropAllBut([...capabilities, 'sys_admin'])];

/** An image of a disk that is one FAT file system, whole or with a first FAT that is not as the second. */
async function capture(folder: string, store: string, imageName: string, damaged: boolean): Promise<void> {
  const file = path.join(folder, imageName);
  const disk = await open(file, 'w+');
  await disk.truncate(16 * mib);
  execFileSync('mkfs.vfat', ['-F', '16', file], { stdio: 'ignore' });
  if (damaged) {
    const boot = (await disk.read(Buffer.alloc(512), 0, 512, 0)).buffer;
    const firstFat = boot.readUInt16LE(14) * boot.readUInt16LE(11);
    await disk.write(Buffer.from('42004300', 'hex'), 0, 4, firstFat + 40);
  }
  await disk.close();
  const images = await openDirectoryStore(store, { create: true });
  await captureImage({ sourcePath: file, imageName, store: images, workers: 1 }).finally(() => images.close());
}

async function prove(data: string, image: string): Promise<ImageCheck> {
  const asked = { image, kind: 'prove', boot: false };
  const { id } = await callOnce({ data }, 'POST', '/v1/image-checks', imageCheckSchema, asked);
  return eventually(async () => {
    const check = await callOnce({ data }, 'GET', `/v1/image-checks/${id}`, imageCheckSchema);
    return check.endedAt !== null && check;
  }, 60_000);
}

it(
  'is done by a server that may mount, and one that may not says so and keeps the last verdict',
  { timeout: 180_000 },
  () =>
    withTempDirectory(async (folder) => {
      const [data, store] = [path.join(folder, 'data'), path.join(folder, 'store')];
      await mkdir(data);
      await capture(folder, store, 'whole', false);
      await capture(folder, store, 'damaged', true);
      const flags = ['--listen', '127.0.0.1:0', '--store', store];
      const first = await ChildServer.start(data, flags, allowed);
      try {
        const proved = await prove(data, 'whole');
        expect(proved).toMatchObject({ state: 'passed', error: null, found: { problemCount: 0, boot: null } });
        expect(proved.found?.fileSystems).toMatchObject([{ number: 0, fileSystem: 'vfat', verdict: 'clean' }]);
        const faulty = await prove(data, 'damaged');
        expect(faulty).toMatchObject({ state: 'failed', error: { code: 'proof-failed' }, found: { problemCount: 0 } });
        expect(faulty.found?.fileSystems).toMatchObject([{ fileSystem: 'vfat', verdict: 'faulty' }]);
      } finally {
        await first.end('SIGTERM');
      }

      await chmod(folder, 0o755);
      execFileSync('chown', ['-R', 'nobody:nogroup', data, store]);
      const second = await ChildServer.start(data, flags, asService);
      try {
        const refused = await prove(data, 'whole');
        expect(refused).toMatchObject({ state: 'error', error: { code: 'mount-failed' } });
        expect(refused.error?.hint).toMatch(/^May the server mount\?/);
        const images = await callOnce({ data }, 'GET', '/v1/images', imageEntrySchema.array());
        expect(images.find(({ name }) => name === 'whole')?.health?.prove).toMatchObject({ outcome: 'passed' });
        // Every chunk was read all the same.
        expect(refused.found).toMatchObject({ problemCount: 0 });
      } finally {
        await second.end('SIGTERM');
      }
    }),
);
