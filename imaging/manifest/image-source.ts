// Which disk an image was captured from: what a selector by image looks for.
import { DeployError } from '../../protocol/errors.ts';
import type { ChunkStore } from '../store/chunk-store.ts';
import { loadManifest } from './load-image.ts';
import type { Manifest } from './manifest.ts';

/** @throws selector-none when the image names no serial number; image-not-found, manifest-corrupt, store errors */
export async function readImageSource(
  store: ChunkStore,
  imageName: string,
  signal?: AbortSignal,
): Promise<Manifest['source']> {
  const { source } = await loadManifest(store, imageName, signal);
  if (source.serial !== null) return source;
  throw new DeployError(
    'selector-none',
    `'${imageName}' does not say which disk it was captured from: that one has no serial number`,
    { hint: 'Nothing was read or written. Name the disk by its id in the scenario.' },
  );
}
