// The reader of FAT12, FAT16 and FAT32: used clusters from the FAT, when every check says that it can be trusted.
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { type Extent, mergeExtents } from '../extent.ts';
import { formatSerial } from './boot-sector.ts';
import { corrupt } from './distrust.ts';
import { type Findings, isCovered, mapOrRaw } from './evidence.ts';
import { type FatGeometry, isFat, locateFields, readFatGeometry } from './fat-boot.ts';
import { readUsedClusters } from './fat-table.ts';
import type { FileSystemReader } from './file-system-reader.ts';

/** The label stands near the head of the root directory; no more of it is looked at. */
const rootLookBytes = 64 * 1024;

export const fatReader: FileSystemReader = {
  name: 'fat',
  async readMap(bytes) {
    if (bytes.sizeBytes < 512) return null;
    const head = await bytes.read(0, 512);
    if (!isFat(head)) return null;
    const { serialAt, labelAt } = locateFields(head);
    const identity = { fileSystem: 'vfat', uuid: formatSerial(head, serialAt), label: readLabel(head, labelAt) };
    return mapOrRaw(bytes, 'fat', identity, () => readUsed(bytes, head, identity));
  },
};

async function readUsed(bytes: ByteReader, head: Buffer, identity: { label: string | null }): Promise<Findings> {
  const state = head.readUInt8(locateFields(head).stateAt);
  const geometry = readFatGeometry(head, bytes.sizeBytes);
  identity.label = (await findLabel(bytes, geometry)) ?? identity.label;
  if (state & 1) throw corrupt('it was not unmounted cleanly');
  if (state & 2) throw corrupt('errors are recorded in it');
  const { used, badClusters } = await readUsedClusters(bytes, geometry);
  if (geometry.rootCluster !== null && !isCovered(used, clusterAt(geometry, geometry.rootCluster))) {
    throw corrupt('its root directory lies in a free cluster');
  }
  const notes = badClusters === 0 ? [] : [`${badClusters} clusters are marked bad and are not read`];
  return { used: addEdges(bytes, geometry, used), notes };
}

function clusterAt({ dataSector, sectorBytes, sectorsPerCluster }: FatGeometry, cluster: number): Extent {
  const lengthBytes = sectorsPerCluster * sectorBytes;
  return { startBytes: dataSector * sectorBytes + (cluster - 2) * lengthBytes, lengthBytes };
}

/** Adds what the FAT does not speak of: all that lies before the first cluster, and the bytes behind the last. */
function addEdges(bytes: ByteReader, geometry: FatGeometry, used: readonly Extent[]): Extent[] {
  const endBytes = clusterAt(geometry, geometry.clusterCount + 2).startBytes;
  const front = { startBytes: 0, lengthBytes: geometry.dataSector * geometry.sectorBytes };
  return mergeExtents([front, ...used, { startBytes: endBytes, lengthBytes: bytes.sizeBytes - endBytes }]);
}

/** The label as the root directory has it, which is where systems change it; null where it has none. */
async function findLabel(bytes: ByteReader, geometry: FatGeometry): Promise<string | null> {
  const { rootCluster, rootEntries, dataSector, sectorBytes } = geometry;
  const place: Extent =
    rootCluster === null
      ? {
          startBytes: dataSector * sectorBytes - Math.ceil((rootEntries * 32) / sectorBytes) * sectorBytes,
          lengthBytes: rootEntries * 32,
        }
      : clusterAt(geometry, rootCluster);
  const entries = await bytes.read(place.startBytes, Math.min(place.lengthBytes, rootLookBytes));
  for (let at = 0; at + 32 <= entries.length && entries[at] !== 0; at += 32) {
    const attributes = entries.readUInt8(at + 11);
    const isLabel = (attributes & 0x08) !== 0 && (attributes & 0x3f) !== 0x0f && (attributes & 0x10) === 0;
    if (isLabel && entries[at] !== 0xe5) return readLabel(entries, at);
  }
  return null;
}

function readLabel(bytes: Buffer, at: number): string | null {
  const label = (bytes.toString('latin1', at, at + 11).split('\0')[0] ?? '').trimEnd();
  return label === 'NO NAME' ? null : label || null;
}
