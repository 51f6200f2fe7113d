// The reader of LVM2 physical volumes: unallocated extents are unused, and inside plain logical volumes other readers are asked.
import { isDeepStrictEqual } from 'node:util';
import type { ByteReader } from '../blockdev/byte-reader.ts';
import type { VolumeMap } from '../disk-map.ts';
import { type Extent, mergeExtents, totalBytes } from '../extent.ts';
import { answerWith, corrupt, orReason } from './distrust.ts';
import type { FileSystemReader } from './file-system-reader.ts';
import { type LvmArea, type LvmGroup, type LvmVolume, readGroup } from './lvm-group.ts';
import { findLabelSector, formatPvUuid, labelScanBytes, readPvUuid } from './lvm-label.ts';
import { findCopies, type LvmLeg, placeExtents, readerOfLeg } from './lvm-legs.ts';
import type { RawMap } from './raw.ts';
import type { Siblings } from './siblings.ts';

/** What a manifest has room for, or a person patience. */
const [maxVolumes, maxNotes] = [10_000, 100];

/** `used` as lists: together they may be too long for the arguments of one call. */
type Found = {
  readonly used: (readonly Extent[])[];
  readonly blank: (readonly Extent[])[];
  readonly volumes: VolumeMap[];
  readonly notes: string[];
};
type ReadLeg = (bytes: ByteReader) => Promise<RawMap>;
type ReadInner = (bytes: ByteReader, siblings: Siblings | undefined) => Promise<RawMap>;

/** `readInner` is asked for the file system in a logical volume; it must not look into physical volumes again. */
export function createLvmReader(readInner: ReadInner): FileSystemReader {
  return {
    name: 'lvm2',
    async readMap(bytes, siblings) {
      if (bytes.sizeBytes < labelScanBytes) return null;
      const sector = findLabelSector(await bytes.read(0, labelScanBytes));
      if (sector === null) return null;
      const found: Found = { used: [], blank: [], volumes: [], notes: [] };
      const outcome = await orReason(() => readUsed(bytes, (inner) => readInner(inner, siblings), found));
      const identity = { fileSystem: 'LVM2_member', uuid: formatPvUuid(readPvUuid(sector)), label: null };
      const map = answerWith(bytes, 'lvm2', identity, outcome);
      return typeof outcome === 'string'
        ? map
        : {
            ...map,
            ...(found.blank.length === 0 ? {} : { blank: mergeExtents(found.blank.flat()) }),
            notes: shorten(found.notes),
            volumes: found.volumes.slice(0, maxVolumes),
          };
    },
  };
}

/** The volumes in a physical volume that are one run of bytes each, or of several; none where it is none, or cannot be read. @throws source-read, source-vanished */
export async function listVolumes(bytes: ByteReader): Promise<ByteReader[]> {
  if (bytes.sizeBytes < labelScanBytes || findLabelSector(await bytes.read(0, labelScanBytes)) === null) return [];
  const volumes: ByteReader[] = [];
  await orReason(async () => {
    const group = await readGroup(bytes);
    refuseOverlaps(group);
    for (const volume of group.deviceCount > 1 ? [] : group.volumes) {
      const copies = findCopies(group, volume);
      const [only, ...others] = typeof copies === 'string' ? [] : copies;
      if (only !== undefined && others.length === 0)
        volumes.push(readerOfLeg(bytes, only, `${group.name}/${volume.name}`));
    }
    return [];
  });
  return volumes;
}

function shorten(notes: readonly string[]): readonly string[] {
  return notes.length <= maxNotes ? notes : [...notes.slice(0, maxNotes), `and ${notes.length - maxNotes} notes more`];
}

async function readUsed(bytes: ByteReader, readLeg: ReadLeg, found: Found): Promise<Extent[]> {
  const group = await readGroup(bytes);
  refuseOverlaps(group);
  found.notes.push(...describeGroup(group));
  found.used.push(listEdges(bytes, group));
  const lookedInto = new Set<string>();
  for (const volume of group.volumes.filter(({ states }) => states.includes('VISIBLE'))) {
    const copies = group.deviceCount > 1 ? [] : findCopies(group, volume);
    const map = await readVolume(bytes, group, volume, copies, readLeg);
    found.volumes.push(map.volume);
    found.notes.push(...map.volume.notes.map((note) => `volume ${map.volume.name}: ${note}`));
    if (map.used === null || typeof copies === 'string') continue;
    found.used.push(map.used);
    if (map.blank.length > 0) found.blank.push(map.blank);
    for (const { owner } of copies) lookedInto.add(owner);
  }
  for (const volume of group.volumes) if (!lookedInto.has(volume.name)) found.used.push(listExtents(group, volume));
  return mergeExtents(found.used.flat());
}

function describeGroup({ name, states, deviceCount }: LvmGroup): string[] {
  const exported = `volume group ${name} is exported`;
  const spread = `volume group ${name} lies on ${deviceCount} physical volumes: what is allocated on this one is captured whole`;
  return [...(states.includes('EXPORTED') ? [exported] : []), ...(deviceCount > 1 ? [spread] : [])];
}

function listAreas({ segments }: LvmVolume): LvmArea[] {
  return segments.flatMap(({ areas }) => areas).filter((area) => area !== null);
}

/** What is allocated to a volume itself, on this device. */
function listExtents({ dataAtBytes, extentBytes }: LvmGroup, volume: LvmVolume): Extent[] {
  return listAreas(volume).map(({ firstExtent, extentCount }) => ({
    startBytes: dataAtBytes + firstExtent * extentBytes,
    lengthBytes: extentCount * extentBytes,
  }));
}

function refuseOverlaps(group: LvmGroup): void {
  const areas = group.volumes.flatMap(listAreas).sort((a, b) => a.firstExtent - b.firstExtent);
  let end = 0;
  for (const { firstExtent, extentCount } of areas) {
    if (firstExtent < end) throw corrupt('two of its volumes share extents');
    end = firstExtent + extentCount;
  }
  if (end > group.extentCount) throw corrupt('one of its volumes lies outside');
}

/** Label and metadata, and what lies behind the last extent. */
function listEdges(bytes: ByteReader, { dataAtBytes, extentCount, extentBytes }: LvmGroup): Extent[] {
  const endBytes = dataAtBytes + extentCount * extentBytes;
  return [
    { startBytes: 0, lengthBytes: dataAtBytes },
    { startBytes: endBytes, lengthBytes: bytes.sizeBytes - endBytes },
  ];
}

/** A volume and the bytes used in it, or null for all that is allocated to it; `copies` are its copies or why there are none. */
async function readVolume(
  bytes: ByteReader,
  group: LvmGroup,
  volume: LvmVolume,
  copies: readonly LvmLeg[] | string,
  readLeg: ReadLeg,
): Promise<{ volume: VolumeMap; used: Extent[] | null; blank: Extent[] }> {
  const name = `${group.name}/${volume.name}`;
  const sizeBytes = volume.segments.reduce((sum, { extentCount }) => sum + extentCount, 0) * group.extentBytes;
  const whole = (note: readonly string[]) => ({
    volume: {
      ...{ name, sizeBytes, fileSystem: null, fileSystemUuid: null, fileSystemLabel: null, reader: 'raw' },
      usedBytes: totalBytes(listExtents(group, volume)),
      notes: note,
    },
    used: null,
    blank: [],
  });
  if (typeof copies === 'string') return whole([`${copies}: captured sector by sector`]);
  const maps: RawMap[] = [];
  for (const leg of copies) maps.push(await readLeg(readerOfLeg(bytes, leg, name)));
  const [map] = maps;
  if (map === undefined) return whole([]);
  // A leg that is being rebuilt, or was never synchronised, shows here.
  if (maps.some((other) => !isDeepStrictEqual(other, map)))
    return whole(['its mirrors differ: captured sector by sector']);
  const { fileSystem, uuid: fileSystemUuid, label: fileSystemLabel, reader, notes } = map;
  const usedBytes = totalBytes(map.used);
  return {
    volume: { name, sizeBytes, fileSystem, fileSystemUuid, fileSystemLabel, reader, usedBytes, notes },
    used: copies.flatMap((leg) => placeExtents(leg, map.used)),
    blank: copies.flatMap((leg) => placeExtents(leg, map.blank ?? [])),
  };
}
