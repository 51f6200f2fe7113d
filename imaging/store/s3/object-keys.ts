// Where things are in a bucket, below the store's prefix (docs/format.md, "S3 store").
import { DeployError } from '../../../protocol/errors.ts';
import { isDigest } from '../../chunk/digest.ts';
import { imageNameId } from '../../manifest/image-name.ts';
import type { Digest } from '../chunk-store.ts';

export const folders = {
  chunks: 'chunks/',
  images: 'images/',
  keys: 'keys/',
  announced: 'announced/',
  condemned: 'condemned/',
  damaged: 'damaged/',
  clock: 'clock/',
} as const;

export function chunkKey(digest: Digest): string {
  return folders.chunks + spread(digest);
}

/** A condemned chunk is its collector's own copy. */
export function condemnedKey(digest: Digest, collector: string): string {
  return `${folders.condemned}${spread(digest)}.${collector}`;
}

export function damagedKey(digest: Digest): string {
  return folders.damaged + spread(digest);
}

export function imageKey(name: string): string {
  return `${folders.images}${imageNameId(name)}.json`;
}

/** The digest in the key of a chunk below `folder`; null for foreign objects. */
export function digestIn(folder: string, key: string): Digest | null {
  const digest = key.slice(folder.length, folder.length + 65).replace('/', '');
  return isDigest(digest) && key.startsWith(folder + spread(digest)) ? digest : null;
}

function spread(digest: Digest): string {
  if (!isDigest(digest)) throw new DeployError('invalid-input', `'${digest}' is not a digest`);
  return `${digest.slice(0, 2)}/${digest.slice(2)}`;
}
