// The step behind a restore that was read back: the file system in a partition that was given room takes it. If it cannot, what was restored stays.
import { type ChangeTarget, changePartition, readSound } from './change-partition.ts';
import { growers } from './file-system-tools.ts';
import type { Grown } from './fit-image.ts';
import { type GrownVolume, growVolumeGroup } from './grow-volume-group.ts';

export type Growth = {
  /** 0 for a disk without a table. */
  readonly partition: number;
  readonly fileSystem: string | null;
  readonly oldSizeBytes: number;
  /** The partition has this size in any case. */
  readonly sizeBytes: number;
  readonly fileSystemGrown: boolean;
  /** The logical volume in it that has the room now, its file system too; null where there is none, or the volume group kept the room. */
  readonly volume: GrownVolume | null;
  /** Why not, or what else a person should know. */
  readonly note: string | null;
};

/**
 * Grows the file system of `grown` on `target`, whose bytes are as restored. When a tool fails after its first
 * write, `rewrite` has to put the partition back as it was.
 * @throws what writing the first sector or `rewrite` throws; a file system that cannot grow is an answer
 */
export async function growPartition(target: ChangeTarget, grown: Grown, rewrite: () => Promise<void>): Promise<Growth> {
  const { number, fileSystem, oldSizeBytes, sizeBytes, reader } = grown;
  const answer = { partition: number, fileSystem, oldSizeBytes, sizeBytes, volume: null };
  const work = workFor(target, grown);
  const refusal =
    work === null
      ? `there is no tool that grows ${fileSystem ?? 'what is in it'}`
      : reader === 'raw'
        ? `its ${fileSystem} was not sound when it was captured`
        : null;
  if (work === null || refusal !== null) return { ...answer, fileSystemGrown: false, note: refusal };
  const outcome = await changePartition(target, grown, rewrite, work);
  if ('why' in outcome) return { ...answer, fileSystemGrown: false, note: outcome.why };
  return { ...answer, ...outcome.result };
}

type Work = (devicePath: string, begin: () => void) => Promise<Pick<Growth, 'fileSystemGrown' | 'volume' | 'note'>>;

function workFor({ sectorSizeBytes }: ChangeTarget, grown: Grown): Work | null {
  const { fileSystem, volume: choice } = grown;
  if (fileSystem === 'LVM2_member') {
    const fileSystemGrown = choice === null || !('why' in choice);
    return async (devicePath, begin) => ({
      ...(await growVolumeGroup(devicePath, begin, { choice, sectorSizeBytes })),
      fileSystemGrown,
    });
  }
  const grow = growers[fileSystem ?? ''];
  if (grow === undefined) return null;
  return async (devicePath, begin) => {
    const note = await grow(devicePath, begin, grown);
    await readSound(devicePath);
    return { fileSystemGrown: true, volume: null, note };
  };
}
