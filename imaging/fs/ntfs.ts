// The reader of NTFS: used clusters from $Bitmap, when every check says that it can be trusted.
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { type Extent, mergeExtents } from '../extent.ts';
import { BlockList, scanBitmap } from './block-list.ts';
import { formatReversed } from './boot-sector.ts';
import { corrupt } from './distrust.ts';
import { type Findings, isCovered, mapOrRaw, readInside } from './evidence.ts';
import type { FileSystemReader } from './file-system-reader.ts';
import { isNtfs, type NtfsGeometry, readNtfsGeometry } from './ntfs-boot.ts';
import { checkHibernation } from './ntfs-hibernation.ts';
import { Mft, type NtfsStream } from './ntfs-mft.ts';
import { attributeTypes } from './ntfs-record.ts';
import { endOf, type NtfsRun } from './ntfs-runs.ts';
import { checkLogFile, checkVolume, readNtfsLabel } from './ntfs-volume.ts';

const fileNumbers = { bitmap: 6, badClusters: 8 } as const;
const mirroredRecords = 4;
const pieceBytes = 1024 * 1024;

export const ntfsReader: FileSystemReader = {
  name: 'ntfs',
  async readMap(bytes) {
    if (bytes.sizeBytes < 512) return null;
    const head = await bytes.read(0, 512);
    if (!isNtfs(head)) return null;
    const identity = { fileSystem: 'ntfs', uuid: formatReversed(head, 72, 80), label: null as string | null };
    return mapOrRaw(bytes, 'ntfs', identity, async () => {
      const mft = await Mft.open(bytes, readNtfsGeometry(head, bytes.sizeBytes));
      identity.label = await readNtfsLabel(mft);
      return await findUsed(bytes, mft);
    });
  },
};

async function findUsed(bytes: ByteReader, mft: Mft): Promise<Findings> {
  await checkVolume(mft);
  const log = await checkLogFile(mft);
  await checkHibernation(mft);
  const mirror = await checkMirror(bytes, mft);
  const bitmap = await openBitmap(mft);
  const bad = await findBadClusters(mft);
  const used = withoutRuns(await readBitmap(mft, bitmap), bad, mft.geometry.clusterBytes);
  for (const run of [{ vcn: 0, lcn: 0, length: 1 }, mirror, ...mft.runs, ...bitmap.runs, ...log.runs]) {
    if (!isCovered(used, toExtent(run, mft.geometry)))
      throw corrupt('its bitmap says that metadata lies in free clusters');
  }
  const count = bad.reduce((sum, run) => sum + run.length, 0);
  const notes = count === 0 ? [] : [`${count} clusters are marked bad ($BadClus) and are not read`];
  return { used: addEnd(bytes, mft.geometry, used), notes };
}

/** The first records have a copy elsewhere; where the two differ, something went wrong between writing one and the other. */
async function checkMirror(bytes: ByteReader, mft: Mft): Promise<NtfsRun> {
  const { mirrorCluster, clusterBytes, recordBytes } = mft.geometry;
  const copy = await readInside(bytes, mirrorCluster * clusterBytes, mirroredRecords * recordBytes, '$MFTMirr');
  for (let number = 0; number < mirroredRecords; number++) {
    const record = await mft.readRaw(number);
    const usedBytes = Math.min(recordBytes, record.readUInt32LE(24));
    const at = number * recordBytes;
    if (!record.subarray(0, usedBytes).equals(copy.subarray(at, at + usedBytes))) {
      throw corrupt('the MFT and its mirror do not agree');
    }
  }
  return { vcn: 0, lcn: mirrorCluster, length: Math.ceil((mirroredRecords * recordBytes) / clusterBytes) };
}

async function openBitmap(mft: Mft): Promise<NtfsStream> {
  const bitmap = await mft.openStream(fileNumbers.bitmap, attributeTypes.data, '');
  const needBytes = Math.ceil(mft.geometry.clusterCount / 8);
  const heldBytes = bitmap.value?.length ?? endOf(bitmap.runs) * mft.geometry.clusterBytes;
  if (Math.min(bitmap.dataBytes, bitmap.initializedBytes, heldBytes) < needBytes)
    throw corrupt('its bitmap is shorter than its clusters');
  if (bitmap.runs.some((run) => run.lcn === null)) throw corrupt('its bitmap has holes');
  return bitmap;
}

async function readBitmap(mft: Mft, bitmap: NtfsStream): Promise<Extent[]> {
  const { clusterCount, clusterBytes } = mft.geometry;
  const clusters = new BlockList(clusterBytes);
  const totalBytes = Math.ceil(clusterCount / 8);
  for (let at = 0; at < totalBytes; at += pieceBytes) {
    const piece = await mft.read(bitmap, at, Math.min(pieceBytes, totalBytes - at));
    const base = at * 8;
    const bits = Math.min(piece.length * 8, clusterCount - base);
    scanBitmap(piece, bits, (first, end) => clusters.add(base + first, base + end));
  }
  return clusters.toExtents();
}

/** The stream $Bad is as long as the volume and sparse but for the bad clusters, each at its own place. They belong to no file. */
async function findBadClusters(mft: Mft): Promise<NtfsRun[]> {
  const bad = await mft.openStream(fileNumbers.badClusters, attributeTypes.data, '$Bad');
  const runs = bad.runs.filter((run) => run.lcn !== null);
  if (runs.some((run) => run.lcn !== run.vcn)) throw corrupt('its list of bad clusters is damaged');
  return runs;
}

/** What is left of `used` without `bad`; both in order. */
function withoutRuns(used: readonly Extent[], bad: readonly NtfsRun[], clusterBytes: number): Extent[] {
  if (bad.length === 0) return [...used];
  const left: Extent[] = [];
  let next = 0;
  for (const { startBytes, lengthBytes } of used) {
    const endBytes = startBytes + lengthBytes;
    let at = startBytes;
    while (next < bad.length && at < endBytes) {
      const { vcn, length } = bad[next] as NtfsRun;
      const [from, to] = [vcn * clusterBytes, (vcn + length) * clusterBytes];
      if (from >= endBytes) break;
      if (from > at) left.push({ startBytes: at, lengthBytes: from - at });
      at = Math.max(at, to);
      if (to > endBytes) break;
      next++;
    }
    if (at < endBytes) left.push({ startBytes: at, lengthBytes: endBytes - at });
  }
  return left;
}

function toExtent({ lcn, length }: NtfsRun, { clusterBytes }: NtfsGeometry): Extent {
  return { startBytes: (lcn ?? 0) * clusterBytes, lengthBytes: length * clusterBytes };
}

/** Adds the bytes behind the last cluster: the backup of the boot sector, and whatever the partition has beyond the volume. */
function addEnd(bytes: ByteReader, { clusterBytes, clusterCount }: NtfsGeometry, used: readonly Extent[]): Extent[] {
  const endBytes = clusterBytes * clusterCount;
  return mergeExtents([...used, { startBytes: endBytes, lengthBytes: bytes.sizeBytes - endBytes }]);
}
