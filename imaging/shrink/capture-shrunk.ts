// The image of a disk one of whose partitions was shrunk on an overlay: its new chunks in a folder that goes with it, the rest where it was.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { windowOf } from '../blockdev/byte-reader.ts';
import { captureSegments, noParentSegment } from '../chunk/capture-segments.ts';
import { shift } from '../chunk/ranges.ts';
import { totalBytes } from '../extent.ts';
import type { StoredImage } from '../fit/compose-image.ts';
import { readFileSystem } from '../fs/detect.ts';
import { loadSegment } from '../manifest/load-image.ts';
import { sealManifest } from '../manifest/manifest.ts';
import type { OverlayView } from '../mount/overlay-view.ts';
import type { RunOptions } from '../progress.ts';
import type { ChunkStore, Digest } from '../store/chunk-store.ts';
import { openDirectoryStore } from '../store/directory-store.ts';

/** Fast: these chunks are read once, soon. */
const level = 1;

export type ShrunkImage = StoredImage & { readonly close: () => Promise<void> };

/**
 * The partition that now ends at `startBytes + sizeBytes` of the view's disk, as the only content of an image of that disk.
 * Chunks that `image` has are taken from it; its store is not written.
 * @throws store errors, source-read, cancelled
 */
export async function captureShrunk(
  image: StoredImage,
  view: OverlayView,
  { startBytes, sizeBytes }: { readonly startBytes: number; readonly sizeBytes: number },
  options: RunOptions,
): Promise<ShrunkImage> {
  const { manifest, store } = image;
  const folder = await mkdtemp(path.join(tmpdir(), 'deploy-os-shrunk-'));
  const close = () => rm(folder, { recursive: true, force: true });
  try {
    const spool = await openDirectoryStore(folder, { create: true });
    const found = await readFileSystem(windowOf(view.overlay, startBytes, sizeBytes));
    const used = shift(found.used, startBytes);
    const { segments } = await captureSegments(
      { used, sizeBytes: manifest.geometry.sizeBytes },
      {
        ...options,
        source: { path: view.diskFile, label: view.overlay.label, role: 'source', mode: 'read' },
        store: spool,
        chunkSizeBytes: manifest.chunkSizeBytes,
        level,
        parentSegment: async (index) => ({ ...noParentSegment, known: await digestsOf(image, index, options.signal) }),
      },
    );
    const { format, version, segmentSizeBytes, rootDigest, manifestDigest, ...draft } = manifest;
    const last = used.at(-1);
    const sealed = sealManifest({
      ...draft,
      ...{ segments, usedBytes: totalBytes(used) },
      usedEndBytes: last === undefined ? 0 : last.startBytes + last.lengthBytes,
    });
    return { manifest: sealed.manifest, store: layered(spool, store), close };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}

async function digestsOf(
  { manifest, store }: StoredImage,
  index: number,
  signal: AbortSignal | undefined,
): Promise<ReadonlySet<Digest>> {
  const known = new Set<Digest>();
  for (const { digest } of await loadSegment(store, manifest, index, signal)) if (digest !== null) known.add(digest);
  return known;
}

/** Reads chunks from `upper` if it has them, else from `lower`. */
function layered(upper: ChunkStore, lower: ChunkStore): ChunkStore {
  const getChunk: ChunkStore['getChunk'] = async (digest, signal) => {
    const [missing] = await upper.findMissing([digest], signal);
    return await (missing === undefined ? upper : lower).getChunk(digest, signal);
  };
  return new Proxy(lower, {
    get(target, key) {
      if (key === 'getChunk') return getChunk;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
