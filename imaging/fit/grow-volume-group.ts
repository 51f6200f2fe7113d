// What growing an LVM2 physical volume takes: LVM's own tools give the group the room and one volume the free extents, then that volume's
// file system is grown by its own tool.
import { openReader } from '../blockdev/open-reader.ts';
import { readGroup } from '../fs/lvm-group.ts';
import { findCopies, type LvmLeg } from '../fs/lvm-legs.ts';
import { readSound } from './change-partition.ts';
import type { VolumeChoice, VolumeToGrow } from './choose-volume.ts';
import { growers } from './file-system-tools.ts';
import { type Lvm, lvmOn } from './lvm-tools.ts';
import { withVolumeWindow } from './volume-window.ts';

export type GrownVolume = {
  /** Group and volume: `vg0/root`. */
  readonly name: string;
  readonly fileSystem: string;
  readonly oldSizeBytes: number;
  readonly sizeBytes: number;
};

export type GrownGroup = {
  /** The volume that has the room now; null where the group kept it. */
  readonly volume: GrownVolume | null;
  readonly note: string | null;
};

export type GroupToGrow = { readonly choice: VolumeChoice; readonly sectorSizeBytes: number };

/** Grows what is on `devicePath` to its end; calls `begin` before the first write. @throws grow-failed, mount-failed, tool-missing */
export async function growVolumeGroup(
  devicePath: string,
  begin: () => void,
  { choice, sectorSizeBytes }: GroupToGrow,
): Promise<GrownGroup> {
  const lvm = lvmOn(devicePath, 'grow-failed');
  await lvm('pvs', devicePath);
  begin();
  await lvm('pvresize', devicePath);
  const keep = (note: string) => ({ volume: null, note: `the volume group has the room now${note}` });
  const grown =
    choice === null
      ? keep('; its volumes keep their sizes')
      : 'why' in choice
        ? keep(`, but no volume took it: ${choice.why}`)
        : await growVolume(devicePath, lvm, { volume: choice, sectorSizeBytes });
  await lvm('pvck', devicePath);
  await lvm('vgck');
  await checkGroup(devicePath, grown.volume);
  return grown;
}

async function growVolume(
  devicePath: string,
  lvm: Lvm,
  { volume, sectorSizeBytes }: { volume: VolumeToGrow; sectorSizeBytes: number },
): Promise<GrownGroup> {
  const { groupName, volumeName, fileSystem, sizeBytes: oldSizeBytes } = volume;
  const name = `${groupName}/${volumeName}`;
  const free = await lvm('vgs', '--noheadings', '--options', 'vg_free_count', groupName);
  if (Number(free) === 0) {
    const note = 'the room is less than one extent of the volume group';
    return { volume: { name, fileSystem, oldSizeBytes, sizeBytes: oldSizeBytes }, note };
  }
  await lvm('lvextend', '--extents', '+100%FREE', name);
  const leg = await findLeg(devicePath, volumeName);
  const grow = growers[fileSystem];
  if (leg.sizeBytes <= oldSizeBytes || grow === undefined) throw new Error(`lvextend has not grown volume ${name}`);
  const note = await withVolumeWindow({ pvPath: devicePath, leg, sectorSizeBytes }, (window) =>
    // The physical volume has begun already.
    grow(window, () => {}, volume),
  );
  return { volume: { name, fileSystem, oldSizeBytes, sizeBytes: leg.sizeBytes }, note };
}

/** Where the volume lies now, by the metadata that LVM has just written. */
async function findLeg(devicePath: string, volumeName: string): Promise<LvmLeg> {
  const reader = await openReader(devicePath);
  try {
    const group = await readGroup(reader);
    const volume = group.volumes.find(({ name }) => name === volumeName);
    const copies = volume === undefined ? 'it is gone' : findCopies(group, volume);
    const [leg] = copies;
    if (typeof copies === 'string' || leg === undefined || typeof leg === 'string')
      throw new Error(`volume ${volumeName} is not what it was: ${copies}`);
    return leg;
  } finally {
    await reader.close();
  }
}

/** Read through the extents, not through the window: this process serves that one, and must not wait for it. */
async function checkGroup(devicePath: string, grown: GrownVolume | null): Promise<void> {
  const { volumes } = await readSound(devicePath);
  if (grown === null) return;
  const found = volumes?.find(({ name }) => name === grown.name);
  if (found === undefined || (found.reader === 'raw' && found.fileSystem !== 'ntfs'))
    throw new Error(`volume ${grown.name} afterwards: ${found?.notes.join(', ') ?? 'it is gone'}`);
}
