// What new ids in an LVM2 physical volume take: LVM's own tools give it and its group theirs, then each file system in a volume gets one
// from its own tool. The names of group and volumes stay: fstab, initramfs and boot loader find the system by them.
import { openReader } from '../blockdev/open-reader.ts';
import type { PartitionMap, VolumeMap } from '../disk-map.ts';
import { type LvmGroup, type LvmVolume, readGroup } from '../fs/lvm-group.ts';
import type { LvmLeg } from '../fs/lvm-legs.ts';
import { type ChangeTarget, changePartition, readSound } from './change-partition.ts';
import { findIdTool } from './id-tools.ts';
import { lvmOn } from './lvm-tools.ts';
import type { IdChange, KeptId, NewIds } from './new-ids.ts';
import { withVolumeWindow } from './volume-window.ts';
import { findWritableLeg } from './writable-leg.ts';

type Partition = Pick<PartitionMap, 'number' | 'startBytes' | 'sizeBytes' | 'fileSystemUuid' | 'volumes'>;

/** What has ids of its own: the physical volume with its group (`volume` is null), or the file system in a volume. */
type Holder = Omit<KeptId, 'why'>;
type Renew = (devicePath: string, begin: () => void) => Promise<void>;
type Unit = { readonly holder: Holder; readonly outcome: Renew | { readonly why: string } };

/**
 * New ids for the group in `partition` of `target` and for the file systems in its volumes. When the tool of one of them fails after its
 * first write, `rewrite` has to put back all of the partition; it is then done once more without that one.
 * @throws what writing the first sector or `rewrite` throws; an id that cannot change is an answer
 */
export async function renewVolumeGroup(
  target: ChangeTarget,
  partition: Partition,
  rewrite: () => Promise<void>,
): Promise<NewIds> {
  const failed = new Map<string | null, KeptId>();
  for (;;) {
    const state: { at: Holder | null } = { at: null };
    const outcome = await changePartition(target, partition, rewrite, async (devicePath, begin) => {
      const group = await readGroupOn(devicePath);
      const all = listUnits(group, partition, target.sectorSizeBytes);
      const units = all.filter(({ holder }) => !failed.has(holder.volume));
      for (const { holder, outcome: renew } of units) {
        state.at = holder;
        if (typeof renew === 'function') await renew(devicePath, begin);
      }
      state.at = null;
      const kept = units.flatMap(({ holder, outcome: one }) => ('why' in one ? [{ ...holder, ...one }] : []));
      const renewed = units.filter((unit) => typeof unit.outcome === 'function').map(({ holder }) => holder);
      return { changed: await findChanges(devicePath, group, renewed), kept };
    });
    if ('result' in outcome) {
      const { changed, kept } = outcome.result;
      return { changed, kept: [...kept, ...failed.values()] };
    }
    const { why } = outcome;
    if (state.at === null) {
      return { changed: [], kept: [{ ...holderOfGroup(partition), why: `${why}; what is in it keeps its ids, too` }] };
    }
    failed.set(state.at.volume, { ...state.at, why });
  }
}

function holderOfGroup({ number: partition, fileSystemUuid: id }: Partition): Holder {
  return { partition, volume: null, fileSystem: 'LVM2_member', id };
}

export async function readGroupOn(devicePath: string): Promise<LvmGroup> {
  const reader = await openReader(devicePath);
  try {
    return await readGroup(reader);
  } finally {
    await reader.close();
  }
}

/** Pools have no content of their own. @throws when no id of the group is to be changed */
function listUnits(group: LvmGroup, partition: Partition, sectorSizeBytes: number): Unit[] {
  const { name, deviceCount } = group;
  if (deviceCount > 1) throw new Error(`volume group ${name} lies on ${deviceCount} physical volumes`);
  const isPool = ({ segments }: LvmVolume) => segments.every(({ type }) => type.endsWith('-pool'));
  const inside = group.volumes
    .filter((volume) => volume.states.includes('VISIBLE') && !isPool(volume))
    .flatMap((volume) => unitOf(group, volume, partition, sectorSizeBytes));
  return [{ holder: holderOfGroup(partition), outcome: groupRenewer(name) }, ...inside];
}

/** The manifest knows the file system in the volume, the group where its bytes are. */
function unitOf(group: LvmGroup, volume: LvmVolume, { number, volumes }: Partition, sectorSizeBytes: number): Unit[] {
  const name = `${group.name}/${volume.name}`;
  const map = volumes?.find((one) => one.name === name);
  const outcome = judge(map, findWritableLeg(group, volume), sectorSizeBytes);
  if (outcome === null) return [];
  const { fileSystem = null, fileSystemUuid: id = null } = map ?? {};
  return [{ holder: { partition: number, volume: name, fileSystem, id }, outcome }];
}

/** Null where there is no file system. */
function judge(map: VolumeMap | undefined, leg: LvmLeg | string, sectorSizeBytes: number): Unit['outcome'] | null {
  if (typeof leg === 'string') return { why: leg };
  if (map === undefined) return { why: 'it was not looked into when it was captured' };
  if (map.fileSystem === null) return null;
  const tool = findIdTool(map.fileSystem, map.reader);
  if (typeof tool !== 'function') return tool;
  return (pvPath, begin) => withVolumeWindow({ pvPath, leg, sectorSizeBytes }, (window) => tool(window, begin));
}

/** The name comes from the disk: it must not pass for an option. */
function groupRenewer(groupName: string): Renew {
  return async (devicePath, begin) => {
    const lvm = lvmOn(devicePath, 'new-ids-incomplete');
    await lvm('vgck', '--', groupName);
    begin();
    await lvm('pvchange', '--uuid', devicePath);
    await lvm('vgchange', '--uuid', '--', groupName);
    await lvm('pvck', devicePath);
    await lvm('vgck', '--', groupName);
  };
}

/** Read through the extents, not through the windows: this process serves those, and must not wait for them. @throws when an id is not new */
async function findChanges(devicePath: string, before: LvmGroup, renewed: readonly Holder[]): Promise<IdChange[]> {
  const { uuid, volumes } = await readSound(devicePath);
  const after = await readGroupOn(devicePath);
  return renewed.flatMap((holder): IdChange[] => {
    const { partition, volume, fileSystem, id: oldId } = holder;
    const of = 'file-system';
    if (volume === null) {
      const group = { partition, volume: before.name, fileSystem: null };
      return [
        { ...{ of, partition, volume, fileSystem, oldId }, newId: newIdOf(before.name, oldId, uuid) },
        { of: 'volume-group', ...group, oldId: before.uuid, newId: newIdOf(before.name, before.uuid, after.uuid) },
      ];
    }
    const found = volumes?.find(({ name }) => name === volume);
    if (found?.reader === 'raw' && found.fileSystem !== 'ntfs')
      throw new Error(`volume ${volume} afterwards: ${found.notes.join(', ')}`);
    const newId = newIdOf(volume, oldId, found?.fileSystemUuid ?? null);
    return [{ of, partition, volume, fileSystem, oldId, newId }];
  });
}

function newIdOf(name: string, oldId: string | null, newId: string | null): string {
  if (newId === null || newId === oldId) throw new Error(`the tools have changed no id of ${name}`);
  return newId;
}
