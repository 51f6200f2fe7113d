// Why an NTFS is captured sector by sector: a Windows sleeps in it, or it was not unmounted cleanly. Other damage is no state of it.
import { toDeployError } from '../../protocol/errors.ts';
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { checkHibernation } from '../fs/ntfs-hibernation.ts';
import { checkLogFile, checkVolume } from '../fs/ntfs-volume.ts';
import { openNtfs } from './ntfs-files.ts';

export type UncleanNtfs = {
  readonly partition: number;
  readonly state: 'hibernated' | 'dirty';
  readonly reason: string;
};

/** Null when neither is the reason. Fast start-up counts as dirty unless its hibernation file says more. */
export async function findUncleanNtfs(partition: number, bytes: ByteReader): Promise<UncleanNtfs | null> {
  const mft = await openNtfs(bytes).catch(() => null);
  if (mft === null) return null;
  const sleeping = await reasonOf(() => checkHibernation(mft));
  if (sleeping !== null) return { partition, state: 'hibernated', reason: sleeping };
  const dirty = (await reasonOf(() => checkVolume(mft))) ?? (await reasonOf(() => checkLogFile(mft)));
  return dirty === null ? null : { partition, state: 'dirty', reason: dirty };
}

async function reasonOf(check: () => Promise<unknown>): Promise<string | null> {
  return await check().then(
    () => null,
    (thrown: unknown) => toDeployError(thrown).message,
  );
}
