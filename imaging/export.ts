// The recipe of an export: an image becomes a raw or qcow2 file, or a stream of it, every chunk checked on the way.
import type { Writable } from 'node:stream';
import { toDeployError } from '../protocol/errors.ts';
import { totalBytes } from './extent.ts';
import { openFileSink, openStreamSink } from './foreign/export-sink.ts';
import type { Piece } from './foreign/pieces.ts';
import { encodeQcow2 } from './foreign/qcow2-encoder.ts';
import { ClusterMap } from './foreign/qcow2-layout.ts';
import { encodeRaw } from './foreign/raw-encoder.ts';
import { readContent, type SlotContent } from './image-content.ts';
import { loadManifest, loadSegment } from './manifest/load-image.ts';
import type { Manifest } from './manifest/manifest.ts';
import { slotPlace } from './manifest/segment.ts';
import type { RunOptions } from './progress.ts';
import { describeLost } from './rescue/describe-loss.ts';
import type { ChunkStore, Digest } from './store/chunk-store.ts';

export type ExportFormat = 'raw' | 'qcow2';

export type ExportOptions = RunOptions & {
  readonly imageName: string;
  readonly store: ChunkStore;
  /** A file that does not exist yet, or a stream, which is left open. */
  readonly target: string | Writable;
  readonly format: ExportFormat;
  readonly workers?: number;
};

export type ExportResult = {
  readonly name: string;
  readonly rootDigest: Digest;
  readonly format: ExportFormat;
  /** Of the disk. */
  readonly sizeBytes: number;
  /** Without the zeros that a raw file leaves out. */
  readonly bytesWritten: number;
  readonly bytesFetched: number;
  readonly seconds: number;
};

/**
 * Writes the image's disk as a file of another format; unused ranges read as zeros. The file has its name only once it is whole.
 * @throws image-not-found, manifest-corrupt, chunk-…, target-exists, target-write, cancelled
 */
export async function exportImage(options: ExportOptions): Promise<ExportResult> {
  const { imageName, target } = options;
  try {
    return await writeExport(options);
  } catch (thrown) {
    const place = typeof target === 'string' ? target : 'the output';
    throw toDeployError(thrown).during(`exporting '${imageName}' to ${place}`);
  }
}

async function writeExport(options: ExportOptions): Promise<ExportResult> {
  const startedMs = performance.now();
  const { store, target, format, signal } = options;
  const manifest = await loadManifest(store, options.imageName, signal);
  const loss = describeLost(manifest);
  if (loss !== null) options.onWarning?.(loss);
  const counts = { bytesWritten: 0, bytesFetched: 0 };
  const sink = typeof target === 'string' ? await openFileSink(target) : openStreamSink(target);
  try {
    for await (const piece of await encode(manifest, counted(manifest, options, counts), options)) {
      await sink.write(piece);
      if ('bytes' in piece) counts.bytesWritten += piece.bytes.length;
    }
    await sink.finish();
  } finally {
    await sink.close();
  }
  const { name, rootDigest, geometry } = manifest;
  const seconds = Math.round(performance.now() - startedMs) / 1000;
  return { name, rootDigest, format, sizeBytes: geometry.sizeBytes, ...counts, seconds };
}

async function encode(
  manifest: Manifest,
  content: AsyncIterable<SlotContent>,
  { format, store, signal }: ExportOptions,
): Promise<AsyncIterable<Piece>> {
  const { sizeBytes } = manifest.geometry;
  if (format === 'raw') return encodeRaw(content, sizeBytes);
  return encodeQcow2(content, await mapClusters(store, manifest, signal), sizeBytes);
}

async function mapClusters(
  store: ChunkStore,
  manifest: Manifest,
  signal: AbortSignal | undefined,
): Promise<ClusterMap> {
  const map = new ClusterMap();
  const disk = { sizeBytes: manifest.geometry.sizeBytes, chunkSizeBytes: manifest.chunkSizeBytes };
  for (const index of manifest.segments.keys()) {
    for (const slot of await loadSegment(store, manifest, index, signal)) {
      map.add(slotPlace(disk, index, slot.index).offsetBytes, slot);
    }
  }
  return map;
}

async function* counted(
  manifest: Manifest,
  { store, signal, workers, onProgress }: ExportOptions,
  counts: { bytesFetched: number },
): AsyncGenerator<SlotContent> {
  const stop = { ...(signal === undefined ? {} : { signal }), ...(workers === undefined ? {} : { workers }) };
  let bytesDone = 0;
  for await (const slot of readContent(store, manifest, stop)) {
    yield slot;
    bytesDone += totalBytes(slot.used);
    counts.bytesFetched += slot.bytesFetched;
    const progress = { bytesDone, bytesTotal: manifest.usedBytes, bytesTransferred: counts.bytesFetched };
    onProgress?.({ phase: 'export', ...progress });
  }
}
