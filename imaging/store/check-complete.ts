// The last check before an image becomes visible: everything its manifest names is in the store.
import { DeployError } from '../../protocol/errors.ts';
import type { ChunkStore, Digest } from './chunk-store.ts';
import { imageParts } from './image-parts.ts';

type CheckedStore = Pick<ChunkStore, 'findMissing' | 'getChunk' | 'putChunks'>;

/** Many at once: a store that lists faster than it looks things up one by one gets its chance. */
const batch = 65_536;

/**
 * Reads the segments (not the chunks: their content was checked on the way in, or by `verify`).
 * @throws chunk-not-found, chunk-corrupt (a segment), manifest-corrupt
 */
export async function checkComplete(
  manifestBytes: Uint8Array,
  store: CheckedStore,
  signal?: AbortSignal,
): Promise<void> {
  const named = new Set<Digest>();
  for (const part of imageParts(manifestBytes)) {
    for (const digest of part.own) named.add(digest);
    for (const { digest } of await part.chunks(store, signal)) {
      named.add(digest);
      if (named.size >= batch) await checkPresent(named, store, signal);
    }
  }
  await checkPresent(named, store, signal);
}

async function checkPresent(named: Set<Digest>, store: CheckedStore, signal: AbortSignal | undefined): Promise<void> {
  const missing = await store.findMissing([...named], signal);
  named.clear();
  for (const [index, digest] of missing.entries()) {
    if (!(await rescue(digest, store, signal))) throw incomplete(missing.length - index);
  }
}

/** A chunk that is missing but can be read is in the hands of garbage collection: put anew, it is out of them. */
async function rescue(digest: Digest, store: CheckedStore, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    const stored = await store.getChunk(digest, signal);
    await store.putChunks([{ digest, stored }], signal);
    return true;
  } catch (thrown) {
    if (thrown instanceof DeployError && thrown.code === 'chunk-not-found') return false;
    throw thrown;
  }
}

function incomplete(count: number): DeployError {
  return new DeployError('chunk-not-found', `the manifest names ${count} or more chunks that are not stored`, {
    hint: 'Capture again; what is stored already is not sent twice.',
  });
}
