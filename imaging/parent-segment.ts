// What a capture knows from its parent image, segment by segment: which slots are stored already, and what the others may be patches of.
import { noParentSegment, type ParentSegment } from './chunk/capture-segments.ts';
import { loadSegment } from './manifest/load-image.ts';
import type { Manifest } from './manifest/manifest.ts';
import { loadPatches, type Patch } from './manifest/patch-list.ts';
import type { ChunkStore, Digest } from './store/chunk-store.ts';

/** Answers for each segment by its index, as `captureSegments` asks. @throws chunk-…, manifest-corrupt, store errors */
export async function openParent(
  store: ChunkStore,
  parent: Manifest | null,
  signal?: AbortSignal,
): Promise<(index: number) => Promise<ParentSegment>> {
  if (parent === null || !(await isStored(store, parent.patches, signal))) return async () => noParentSegment;
  const { patches } = await loadPatches(store, parent, signal);
  return async (index) => {
    if (!(await isStored(store, parent.segments[index] ?? null, signal))) return noParentSegment;
    const digests = new Map<number, Digest>();
    for (const slot of await loadSegment(store, parent, index, signal)) {
      if (slot.digest !== null) digests.set(slot.index, slot.digest);
    }
    return await findStored(store, digests, patches, signal);
  };
}

/** A plain parent of an encrypted capture, or the other way round, has its chunks under other names than this one puts. */
async function isStored(store: ChunkStore, digest: Digest | null | undefined, signal?: AbortSignal): Promise<boolean> {
  if (digest === null) return false;
  return digest === undefined || (await store.findMissing([digest], signal)).length === 0;
}

/** A repair may have moved some aside; and what is asked for, garbage collection spares though the parent be deleted. */
async function findStored(
  store: ChunkStore,
  digests: ReadonlyMap<number, Digest>,
  all: ReadonlyMap<Digest, Patch>,
  signal: AbortSignal | undefined,
): Promise<ParentSegment> {
  const partsOf = (digest: Digest) => {
    const patch = all.get(digest);
    return patch === undefined ? [digest] : [patch.base, patch.patch];
  };
  const parts = new Set([...digests.values()].flatMap(partsOf));
  const missing = new Set(await store.findMissing([...parts], signal));
  const known = new Set([...digests.values()].filter((digest) => partsOf(digest).every((part) => !missing.has(part))));
  const patches = new Map([...known].flatMap((digest) => pairWith(digest, all.get(digest))));
  const bases = new Map<number, Digest>();
  for (const [index, digest] of digests) {
    const [base = digest] = partsOf(digest);
    if (!missing.has(base)) bases.set(index, base);
  }
  return { known, patches, bases };
}

function pairWith(digest: Digest, patch: Patch | undefined): [Digest, Patch][] {
  return patch === undefined ? [] : [[digest, patch]];
}
