// What all readers do when they meet something they cannot rest on: every byte counts as used, and the reason is said.
import { DeployError } from '../../protocol/errors.ts';
import type { ByteReader } from '../blockdev/byte-reader.ts';
import type { Extent } from '../extent.ts';
import type { FileSystemMap } from './file-system-reader.ts';
import { allOf } from './raw.ts';

/** Thrown deep inside a reader where metadata cannot be right; `orReason` makes it the reason for falling back to raw. */
export function corrupt(reason: string): DeployError {
  return new DeployError('file-system-corrupt', reason);
}

/** What `work` finds, or the reason why it could not. @throws what is no damage: source-read, source-vanished, cancelled */
export async function orReason<Found = Extent[]>(work: () => Promise<Found | string>): Promise<Found | string> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof DeployError && thrown.code === 'file-system-corrupt') return thrown.message;
    throw thrown;
  }
}

export type Identity = Pick<FileSystemMap, 'fileSystem' | 'uuid' | 'label'>;

/** The answer of the reader called `reader`: its extents, or all of `bytes` with the reason. */
export function answerWith(
  bytes: ByteReader,
  reader: string,
  identity: Identity,
  outcome: readonly Extent[] | string,
): FileSystemMap {
  if (typeof outcome !== 'string') return { ...identity, reader, used: outcome, notes: [] };
  return { ...identity, reader: 'raw', used: allOf(bytes), notes: [`${outcome}: captured sector by sector`] };
}
