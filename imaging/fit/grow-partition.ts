// The step behind a restore that was read back: the file system in a partition that was given room takes it. If it cannot, what was restored stays.
import { type ChangeTarget, changePartition, readSound } from './change-partition.ts';
import { growers } from './file-system-tools.ts';
import type { Grown } from './fit-image.ts';

export type Growth = {
  /** 0 for a disk without a table. */
  readonly partition: number;
  readonly fileSystem: string | null;
  readonly oldSizeBytes: number;
  /** The partition has this size in any case. */
  readonly sizeBytes: number;
  readonly fileSystemGrown: boolean;
  /** Why not, or what else a person should know. */
  readonly note: string | null;
};

/**
 * Grows the file system of `grown` on `target`, whose bytes are as restored. When a tool fails after its first
 * write, `rewrite` has to put the partition back as it was.
 * @throws what writing the first sector or `rewrite` throws; a file system that cannot grow is an answer
 */
export async function growPartition(target: ChangeTarget, grown: Grown, rewrite: () => Promise<void>): Promise<Growth> {
  const { number, fileSystem, oldSizeBytes, sizeBytes } = grown;
  const answer = { partition: number, fileSystem, oldSizeBytes, sizeBytes };
  const grow = growers[fileSystem ?? ''];
  const refusal =
    grow === undefined
      ? `there is no tool that grows ${fileSystem ?? 'what is in it'}`
      : grown.reader === 'raw'
        ? `its ${fileSystem} was not sound when it was captured`
        : null;
  if (grow === undefined || refusal !== null) return { ...answer, fileSystemGrown: false, note: refusal };
  const outcome = await changePartition(target, grown, rewrite, async (devicePath, begin) => {
    const note = await grow(devicePath, begin, grown);
    await readSound(devicePath);
    return note;
  });
  if ('why' in outcome) return { ...answer, fileSystemGrown: false, note: outcome.why };
  return { ...answer, fileSystemGrown: true, note: outcome.result };
}
