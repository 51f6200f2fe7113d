// The step behind a restore with new ids, which its table has already: each file system gets one from its own tool, or keeps what it has.
import type { Manifest } from '../manifest/manifest.ts';
import { type ChangeTarget, changePartition, readSound } from './change-partition.ts';
import { idTools, whyNoTool } from './id-tools.ts';

/** Of a disk, a partition or a file system; `partition` is 0 for the disk, and for a file system without a table. */
export type IdChange = {
  readonly of: 'disk' | 'partition' | 'file-system';
  readonly partition: number;
  readonly fileSystem: string | null;
  readonly oldId: string | null;
  readonly newId: string;
};

export type KeptId = {
  readonly partition: number;
  readonly fileSystem: string;
  readonly id: string | null;
  readonly why: string;
};

export type NewIds = {
  readonly changed: readonly IdChange[];
  /** File systems that have the id that was captured. */
  readonly kept: readonly KeptId[];
};

type Described = Pick<Manifest, 'geometry' | 'partitions'>;
export type RenewedPartition = Pick<
  Manifest['partitions'][0],
  'number' | 'startBytes' | 'sizeBytes' | 'fileSystem' | 'fileSystemUuid' | 'reader'
>;

/** What is new in the table of `fitted`, which was made out of `captured`. */
export function tableIdChanges(captured: Described, fitted: Described): IdChange[] {
  const changes: IdChange[] = [];
  const add = (of: 'disk' | 'partition', partition: number, oldId: string | null, newId: string | null) => {
    if (newId !== null && newId !== oldId) changes.push({ of, partition, fileSystem: null, oldId, newId });
  };
  add('disk', 0, captured.geometry.diskId, fitted.geometry.diskId);
  for (const { number, partitionUuid } of fitted.partitions) {
    const old = captured.partitions.find((part) => part.number === number);
    add('partition', number, old?.partitionUuid ?? null, partitionUuid);
  }
  return changes;
}

/**
 * New ids for the file systems in `partitions` of `target`, whose bytes are as restored. When a tool fails after its first write,
 * `rewrite` has to put that partition back as it was.
 * @throws what writing the first sector or `rewrite` throws; an id that cannot change is an answer
 */
export async function renewFileSystemIds<Renewed extends RenewedPartition>(
  target: ChangeTarget,
  partitions: readonly Renewed[],
  rewrite: (partition: Renewed) => Promise<void>,
): Promise<NewIds> {
  const changed: IdChange[] = [];
  const kept: KeptId[] = [];
  for (const partition of partitions) {
    const { number, fileSystem, fileSystemUuid: oldId } = partition;
    if (fileSystem === null) continue;
    const outcome = await renewOne(target, partition, () => rewrite(partition));
    if ('why' in outcome) kept.push({ partition: number, fileSystem, id: oldId, why: outcome.why });
    else changed.push({ of: 'file-system', partition: number, fileSystem, oldId, newId: outcome.result });
  }
  return { changed, kept };
}

async function renewOne(target: ChangeTarget, partition: RenewedPartition, rewrite: () => Promise<void>) {
  const { fileSystem, fileSystemUuid, reader } = partition;
  const name = fileSystem ?? '';
  const renew = idTools[name];
  if (renew === undefined) return { why: whyNoTool[name] ?? `there is no tool that gives ${name} a new one` };
  if (reader === 'raw') return { why: `its ${name} was not sound when it was captured` };
  return await changePartition(target, partition, rewrite, async (devicePath, begin) => {
    await renew(devicePath, begin);
    const { uuid } = await readSound(devicePath);
    if (uuid === null || uuid === fileSystemUuid) throw new Error('its tool has changed nothing');
    return uuid;
  });
}

/** What a person has to know who boots the disk. */
export const idWarning =
  'its ids are new: what names the old ones does not find it until it is changed by hand (fstab, crypttab, mdadm.conf, the boot ' +
  "loader's configuration, the kernel's root= and resume=, an initramfs, the firmware's boot entries, the boot configuration data of Windows)";
