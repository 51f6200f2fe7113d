// The recipe of a comparison of two images: descriptions first, then segment by segment what differs; what is stored as the same chunk is not read.
import { toDeployError } from '../protocol/errors.ts';
import { throwIfCancelled } from './cancelled.ts';
import { intersect, shift, subtract } from './chunk/ranges.ts';
import { segmentSizeBytes } from './chunk/slots.ts';
import { type ContentChange, comparePartitions, type PartitionChange } from './compare/compare-partitions.ts';
import { joinUnits, type Unit, unitsOf } from './compare/slot-units.ts';
import { type Extent, mergeExtents, totalBytes } from './extent.ts';
import { openImageReader } from './image-reader.ts';
import { loadManifest, loadSegment } from './manifest/load-image.ts';
import type { Manifest } from './manifest/manifest.ts';
import type { RunOptions } from './progress.ts';
import type { ChunkStore } from './store/chunk-store.ts';

export type DiffOptions = RunOptions & { readonly store: ChunkStore; readonly from: string; readonly to: string };

export type ImageDiff = {
  readonly from: string;
  readonly to: string;
  /** Whether disk, used bytes and content are the same. */
  readonly same: boolean;
  /** `sizeBytes`, `sectorSizeBytes`, `table`, `diskId`: those that differ, with both values. */
  readonly disk: { readonly [key: string]: readonly [unknown, unknown] };
  /** Whether the sectors that hold the partition tables differ. */
  readonly tableChanged: boolean;
  readonly partitions: readonly PartitionChange[];
  /** In both and different, by sectors of 512 bytes. */
  readonly changed: readonly Extent[];
  readonly bytesChanged: number;
  /** Used only in `to`, and only in `from`. */
  readonly bytesAdded: number;
  readonly bytesRemoved: number;
};

/** What has to change for `from` to become `to`. @throws image-not-found, chunk-…, manifest-corrupt, cancelled */
export async function diffImages(options: DiffOptions): Promise<ImageDiff> {
  const { store, from, to, signal } = options;
  try {
    const a = await loadManifest(store, from, signal);
    const b = await loadManifest(store, to, signal);
    const content = a.rootDigest === b.rootDigest ? nothing : await compareContent(a, b, options);
    const disk = compareDisks(a, b);
    const tableChanged = JSON.stringify(a.tableSectors) !== JSON.stringify(b.tableSectors);
    const partitions = comparePartitions(a.partitions, b.partitions, content);
    const bytes = {
      bytesChanged: totalBytes(content.changed),
      bytesAdded: totalBytes(content.added),
      bytesRemoved: totalBytes(content.removed),
    };
    const same = a.rootDigest === b.rootDigest || Object.values(bytes).every((count) => count === 0);
    const differs = !same || Object.keys(disk).length > 0;
    return {
      from: a.name,
      to: b.name,
      same: !differs,
      disk,
      tableChanged,
      partitions,
      changed: content.changed,
      ...bytes,
    };
  } catch (thrown) {
    throw toDeployError(thrown).during(`comparing '${from}' and '${to}'`);
  }
}

const nothing: ContentChange = { changed: [], added: [], removed: [] };

function compareDisks(a: Manifest, b: Manifest): ImageDiff['disk'] {
  const keys = ['sizeBytes', 'sectorSizeBytes', 'table', 'diskId'] as const;
  const different = keys.filter((key) => a.geometry[key] !== b.geometry[key]);
  return Object.fromEntries(different.map((key) => [key, [a.geometry[key], b.geometry[key]]]));
}

async function compareContent(a: Manifest, b: Manifest, options: DiffOptions): Promise<ContentChange> {
  const { store, signal, onProgress } = options;
  const stop = signal === undefined ? {} : { signal };
  const readers = [openImageReader(store, a, stop), openImageReader(store, b, stop)] as const;
  const unitBytes = Math.max(a.chunkSizeBytes, b.chunkSizeBytes);
  const [changed, added, removed]: [Extent[], Extent[], Extent[]] = [[], [], []];
  const segments = Math.max(a.segments.length, b.segments.length);
  for (let index = 0; index < segments; index++) {
    throwIfCancelled(signal);
    const bytesTotal = segments * segmentSizeBytes;
    onProgress?.({ phase: 'compare', bytesDone: index * segmentSizeBytes, bytesTotal, bytesTransferred: 0 });
    if (a.chunkSizeBytes === b.chunkSizeBytes && a.segments[index] === b.segments[index]) continue;
    const units = await Promise.all(
      [a, b].map(async (image) => unitsOf(await loadSegment(store, image, index, signal), image, unitBytes)),
    );
    for (const [left, right, unit] of joinUnits(units[0] as Iterable<Unit>, units[1] as Iterable<Unit>)) {
      if (a.chunkSizeBytes === b.chunkSizeBytes && left.key === right.key) continue;
      throwIfCancelled(signal);
      const at = index * segmentSizeBytes + unit * unitBytes;
      removed.push(...shift(subtract(left.used, right.used), at));
      added.push(...shift(subtract(right.used, left.used), at));
      changed.push(...(await changedSectors(readers, shift(intersect(left.used, right.used), at))));
    }
  }
  return { changed: mergeExtents(changed), added: mergeExtents(added), removed: mergeExtents(removed) };
}

const sectorBytes = 512;

type Readers = readonly [ReturnType<typeof openImageReader>, ReturnType<typeof openImageReader>];

async function changedSectors([left, right]: Readers, both: readonly Extent[]): Promise<Extent[]> {
  const changed: Extent[] = [];
  for (const { startBytes, lengthBytes } of both) {
    const [a, b] = [await left.read(startBytes, lengthBytes), await right.read(startBytes, lengthBytes)];
    if (a.equals(b)) continue;
    for (let at = 0; at < lengthBytes; at += sectorBytes) {
      const end = Math.min(lengthBytes, at + sectorBytes);
      if (a.compare(b, at, end, at, end) !== 0) changed.push({ startBytes: startBytes + at, lengthBytes: end - at });
    }
  }
  return mergeExtents(changed);
}
