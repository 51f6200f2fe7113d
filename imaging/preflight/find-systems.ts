// The operating systems on a disk that is about to be captured: found in its unmounted file systems, read-only, within a bound of time and bytes.
import { DeployError, toDeployError } from '../../protocol/errors.ts';
import { type ByteReader, windowOf } from '../blockdev/byte-reader.ts';
import { openReader } from '../blockdev/open-reader.ts';
import { throwIfCancelled } from '../cancelled.ts';
import type { DiskMap, PartitionMap } from '../disk-map.ts';
import { ExtVolume } from '../fs/ext-inode.ts';
import { readGroup } from '../fs/lvm-group.ts';
import { findCopies, type LvmLeg, readerOfLeg } from '../fs/lvm-legs.ts';
import { maxSystems, type System } from '../manifest/system.ts';
import { openBtrfsFiles } from './btrfs-files.ts';
import { readExtFiles } from './ext-files.ts';
import type { ReadFiles } from './file-content.ts';
import { readTree } from './file-tree.ts';
import { findLinux } from './linux.ts';
import { findUncleanNtfs, type UncleanNtfs } from './ntfs-state.ts';
import { findWindows } from './windows.ts';
import { readXfsFiles } from './xfs-files.ts';

export type FoundSystems = {
  readonly systems: readonly System[];
  /** Where a system may be of which nothing could be told, and why. */
  readonly unknown: readonly UnknownSystem[];
  readonly unclean: readonly UncleanNtfs[];
};

export type UnknownSystem = { readonly partition: number; readonly volume?: string; readonly reason: string };

/** Of all the disk; a sound one takes a fraction of a second a system. */
const maxMs = 10_000;
const maxReadBytes = 256 * 2 ** 20;

/** Never throws but for `cancelled`: what cannot be told is no reason not to capture. */
export async function findSystems(path: string, map: DiskMap, signal?: AbortSignal): Promise<FoundSystems> {
  const systems: System[] = [];
  const unknown: UnknownSystem[] = [];
  const unclean: UncleanNtfs[] = [];
  const timeLimit = AbortSignal.timeout(maxMs);
  const stop = signal === undefined ? timeLimit : AbortSignal.any([signal, timeLimit]);
  const reader = await openReader(path).catch((thrown: unknown) => toDeployError(thrown));
  if (reader instanceof DeployError) return { systems, unclean, unknown: [{ partition: 0, reason: reader.message }] };
  try {
    const bounded = bound(reader, stop);
    for (const partition of map.partitions) {
      if (systems.length + unknown.length >= maxSystems) break;
      await tell(path, bounded, partition, { systems, unknown, unclean, stop });
      throwIfCancelled(signal);
    }
    return { systems: systems.slice(0, maxSystems), unknown: unknown.slice(0, maxSystems), unclean };
  } finally {
    await reader.close();
  }
}

type Found = {
  readonly systems: System[];
  readonly unknown: UnknownSystem[];
  readonly unclean: UncleanNtfs[];
  readonly stop: AbortSignal;
};

async function tell(path: string, disk: ByteReader, partition: PartitionMap, found: Found): Promise<void> {
  const { number, startBytes, sizeBytes, fileSystem, reader } = partition;
  const note = (volume: { volume?: string }) => (thrown: unknown) => {
    const late = found.stop.aborted ? 'it took too long' : toDeployError(thrown).message;
    found.unknown.push({ partition: number, ...volume, reason: late });
    return null;
  };
  if (startBytes + sizeBytes > disk.sizeBytes) return;
  const bytes = windowOf(disk, startBytes, sizeBytes);
  if (fileSystem === 'ntfs') {
    const state = reader === 'raw' ? await findUncleanNtfs(number, bytes) : null;
    if (state !== null) found.unclean.push(state);
    const windows = await findWindows(bytes).catch(note({}));
    if (windows !== null) found.systems.push({ partition: number, ...windows });
    return;
  }
  for (const { volume, read } of await listLinux({ path, startBytes, bytes, stop: found.stop }, partition)) {
    const named = volume === undefined ? {} : { volume };
    const linux = await findLinux(read).catch(note(named));
    if (linux !== null) found.systems.push({ partition: number, ...named, ...linux });
  }
}

type Place = {
  readonly path: string;
  readonly startBytes: number;
  readonly bytes: ByteReader;
  readonly stop: AbortSignal;
};

/** What may be the root of a Linux: the partition itself, or volumes in it. */
async function listLinux(place: Place, partition: PartitionMap): Promise<{ volume?: string; read: ReadFiles }[]> {
  const { bytes } = place;
  if (isLinux(partition.fileSystem)) return [{ read: readerFor(place, partition.fileSystem, bytes, 0) }];
  const known = (partition.volumes ?? []).filter(({ fileSystem }) => isLinux(fileSystem));
  if (known.length === 0) return [];
  const group = await readGroup(bytes).catch(() => null);
  return (group?.volumes ?? []).flatMap((volume) => {
    const name = `${group?.name}/${volume.name}`;
    const fileSystem = known.find((other) => other.name === name)?.fileSystem ?? null;
    const copies = group === null || fileSystem === null ? 'not known' : findCopies(group, volume);
    const [leg] = typeof copies === 'string' ? [] : copies;
    if (leg === undefined) return [];
    return [{ volume: name, read: readerFor(place, fileSystem, readerOfLeg(bytes, leg, name), findOnePiece(leg)) }];
  });
}

/** Where a leg starts in its partition, or null when it lies in several pieces. */
function findOnePiece({ stretches }: LvmLeg): number | null {
  const [stretch, ...others] = stretches;
  const [startBytes, ...stripes] = stretch?.areasAtBytes ?? [];
  return startBytes === undefined || others.length + stripes.length > 0 ? null : startBytes;
}

function readerFor(place: Place, fileSystem: string | null, bytes: ByteReader, at: number | null): ReadFiles {
  if (fileSystem === 'btrfs') return openBtrfsFiles(bytes);
  if (fileSystem === 'xfs') return async (wanted) => await readXfsFiles(bytes, wanted);
  if (at === null) return async (wanted) => await readTree(await ExtVolume.open(bytes), wanted);
  return async (wanted) =>
    await readExtFiles({ path: place.path, startBytes: place.startBytes + at }, wanted, place.stop);
}

function isLinux(fileSystem: string | null): boolean {
  return /^(ext[234]|xfs|btrfs)$/.test(fileSystem ?? '');
}

function bound(reader: ByteReader, stop: AbortSignal): ByteReader {
  let left = maxReadBytes;
  const { sizeBytes, sectorSizeBytes, label } = reader;
  return {
    ...{ sizeBytes, sectorSizeBytes, label },
    read: async (offsetBytes, lengthBytes) => {
      left -= lengthBytes;
      if (left < 0 || stop.aborted) throw new DeployError('cancelled', 'it took too long');
      return await reader.read(offsetBytes, lengthBytes);
    },
  };
}
