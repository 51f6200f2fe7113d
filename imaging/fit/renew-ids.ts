// The step behind a restore with new ids, which its table has already: each file system gets one from its own tool, or keeps what it has.
import type { Manifest } from '../manifest/manifest.ts';
import { type ChangeTarget, changePartition, readSound } from './change-partition.ts';
import { findIdTool } from './id-tools.ts';
import type { IdChange, KeptId, NewIds } from './new-ids.ts';
import { renewVolumeGroup } from './renew-volume-group.ts';

type Described = Pick<Manifest, 'geometry' | 'partitions'>;
export type RenewedPartition = Pick<
  Manifest['partitions'][0],
  'number' | 'startBytes' | 'sizeBytes' | 'fileSystem' | 'fileSystemUuid' | 'reader' | 'volumes'
>;

/** What is new in the table of `fitted`, which was made out of `captured`. */
export function tableIdChanges(captured: Described, fitted: Described): IdChange[] {
  const changes: IdChange[] = [];
  const add = (of: 'disk' | 'partition', partition: number, oldId: string | null, newId: string | null) => {
    if (newId !== null && newId !== oldId)
      changes.push({ of, partition, volume: null, fileSystem: null, oldId, newId });
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
    const renewed = await renewOne(target, partition, () => rewrite(partition));
    changed.push(...renewed.changed);
    kept.push(...renewed.kept);
  }
  return { changed, kept };
}

async function renewOne(
  target: ChangeTarget,
  partition: RenewedPartition,
  rewrite: () => Promise<void>,
): Promise<NewIds> {
  const { number, fileSystem, fileSystemUuid: oldId, reader } = partition;
  if (fileSystem === null) return { changed: [], kept: [] };
  if (fileSystem === 'LVM2_member' && reader !== 'raw') return await renewVolumeGroup(target, partition, rewrite);
  const renew = findIdTool(fileSystem, reader);
  const outcome =
    typeof renew !== 'function'
      ? renew
      : await changePartition(target, partition, rewrite, async (devicePath, begin) => {
          await renew(devicePath, begin);
          const { uuid } = await readSound(devicePath);
          if (uuid === null || uuid === oldId) throw new Error('its tool has changed nothing');
          return uuid;
        });
  const place = { partition: number, volume: null, fileSystem };
  if ('why' in outcome) return { changed: [], kept: [{ ...place, id: oldId, why: outcome.why }] };
  return { changed: [{ of: 'file-system', ...place, oldId, newId: outcome.result }], kept: [] };
}

/** What a person has to know who boots the disk. */
export const idWarning =
  "its ids are new: what names the old ones does not find it until it is changed by hand (fstab, crypttab, mdadm.conf, LVM's devices file, the boot " +
  "loader's configuration, the kernel's root= and resume=, an initramfs, the firmware's boot entries, the boot configuration data of Windows)";
