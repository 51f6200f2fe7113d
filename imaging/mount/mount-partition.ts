// Mounts the file system in a disk file read-only, by whichever driver this machine has.
import { DeployError, toDeployError } from '../../protocol/errors.ts';
import { runTool } from '../run-tool.ts';
import { mount } from './mount-table.ts';
import { type Driver, driversOf, refusal } from './partition-drivers.ts';

/** The driver that did it, or why none could. */
export type PartitionMount = { readonly mounted: string } | { readonly why: string };

/** Never throws for what cannot be mounted: the rest of the disk is still worth a look. */
export async function mountPartition(
  file: string,
  directory: string,
  found: { readonly fileSystem: string | null; readonly fileSystemUuid: string | null },
): Promise<PartitionMount> {
  const { fileSystem, fileSystemUuid } = found;
  if (fileSystem === null) return { why: 'no file system was recognised in it' };
  const drivers = driversOf(fileSystem);
  if (drivers.length === 0) return { why: `${fileSystem} holds no files that a driver could show` };
  const refused = await refusal(fileSystem, fileSystemUuid);
  if (refused !== null) return { why: refused };
  const reasons: string[] = [];
  for (const driver of drivers) {
    const name = 'type' in driver ? driver.type : driver.program;
    try {
      await mountBy(driver, file, directory);
      return { mounted: name };
    } catch (thrown) {
      reasons.push(toDeployError(thrown).message);
    }
  }
  return { why: reasons.join('; ') };
}

async function mountBy(driver: Driver, file: string, directory: string): Promise<void> {
  const { options } = driver;
  if ('type' in driver) return await mount({ type: driver.type, source: file, directory, options });
  const { status, said } = await runTool(driver.program, [file, directory, '-o', options.join(',')]);
  if (status !== 0)
    throw new DeployError('mount-failed', `${driver.program}: ${said.split('\n')[0] || `status ${status}`}`);
}
