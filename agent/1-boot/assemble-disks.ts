// Third part of the first stage: paths become LUNs, and members become arrays, before anybody asks which disks there are (R2, R12).
import type { Log } from '../screen/status.ts';
import { assembleArrays } from './arrays.ts';
import { foldPaths } from './multipath.ts';

/**
 * Puts together what belongs together and is not yet; writes to no disk. May be called again at any time when no disk is being written:
 * what is there stays as it is. What cannot be put together is a warning with its reason; its parts are members of something that is not
 * there, and refused as such (docs/decisions/026-arrays-and-paths.md).
 */
export async function assembleDisks(log: Log): Promise<void> {
  for (const put of [foldPaths, assembleArrays]) {
    await put(log).catch((thrown: unknown) => {
      log('warning', `${put === foldPaths ? 'folding paths' : 'assembling arrays'}: ${String(thrown)}`);
    });
  }
}
