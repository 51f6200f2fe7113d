// System errors of a directory store in the catalogue's words.
import { DeployError } from '../../protocol/errors.ts';
import { errnoOf } from '../chunk/device-io.ts';

const fullCodes = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** `thrown` as store-full or store-io; a DeployError stays what it is. */
export function storeError(label: string, doing: string, thrown: unknown): DeployError {
  if (thrown instanceof DeployError) return thrown;
  const why = thrown instanceof Error ? thrown.message : String(thrown);
  if (fullCodes.has(errnoOf(thrown) ?? '')) {
    return new DeployError('store-full', `${doing} in the store ${label}: ${why}`, {
      cause: thrown,
      hint: 'Make room (`deploy-os image delete`, then `deploy-os store gc`) or enlarge its file system, and start again: what is stored is not sent twice.',
    });
  }
  return new DeployError('store-io', `${doing} in the store ${label}: ${why}`, {
    cause: thrown,
    hint: 'Check that the store is mounted, writable and healthy, and the kernel log.',
  });
}
