// Every chunk that the images of a store need, for check and garbage collection.
import { type DeployError, toDeployError } from '../../protocol/errors.ts';
import { loadManifest, loadSegment } from '../manifest/load-image.ts';
import type { ChunkStore, Digest } from './chunk-store.ts';

/** Calls `onChunk` for every segment and chunk that an image names, and `onDamage` for segments that cannot be read. */
export async function eachNamedChunk(
  store: ChunkStore,
  imageName: string,
  onChunk: (digest: Digest) => void,
  options: { onDamage?: (error: DeployError) => void; signal?: AbortSignal } = {},
): Promise<void> {
  const manifest = await loadManifest(store, imageName, options.signal);
  for (const [index, segment] of manifest.segments.entries()) {
    if (segment === null) continue;
    onChunk(segment);
    try {
      for (const { digest } of await loadSegment(store, manifest, index, options.signal)) {
        if (digest !== null) onChunk(digest);
      }
    } catch (thrown) {
      if (options.onDamage === undefined) throw thrown;
      options.onDamage(toDeployError(thrown).during(`segment ${index} of '${imageName}'`));
    }
  }
}
