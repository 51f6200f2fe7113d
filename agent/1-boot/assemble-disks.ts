// Third part of the first stage: members become arrays, before anybody asks which disks there are (R2).
import type { Log } from '../screen/status.ts';
import { assembleArrays } from './arrays.ts';

/**
 * Puts together what belongs together and is not yet; writes to no disk. May be called again at any time when no disk is being written:
 * what is there stays as it is. What cannot be put together is a warning with its reason; its parts are members of something that is not
 * there, and refused as such (docs/decisions/026-arrays-and-paths.md).
 */
export async function assembleDisks(log: Log): Promise<void> {
  await assembleArrays(log).catch((thrown: unknown) => log('warning', `assembling arrays: ${String(thrown)}`));
}
