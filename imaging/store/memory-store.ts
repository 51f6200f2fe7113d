// A store in memory: for tests, and the shortest statement of what a store is.
import { checkKeyObject } from '../crypt/key-object.ts';
import { normalizeImageName } from '../manifest/image-name.ts';
import { checkComplete } from './check-complete.ts';
import type { ChunkStore, Digest, ManifestEntry } from './chunk-store.ts';
import { keyExists, keyNotFound } from './key-errors.ts';
import { chunkNotFound, imageExists, imageNotFound, manifestEntry, sortByName } from './manifest-entry.ts';

export function openMemoryStore(): ChunkStore {
  const chunks = new Map<Digest, Buffer>();
  const manifests = new Map<string, { bytes: Buffer; entry: ManifestEntry }>();
  const keys = new Map<string, Buffer>();
  const find = (name: string) => {
    const found = manifests.get(normalizeImageName(name));
    if (found === undefined) throw imageNotFound(name, 'memory');
    return found;
  };
  const store: ChunkStore = {
    label: 'memory',
    findMissing: async (digests) => digests.filter((digest) => !chunks.has(digest)),
    putChunks: async (put) => {
      for (const { digest, stored } of put) if (!chunks.has(digest)) chunks.set(digest, Buffer.from(stored));
    },
    getChunk: async (digest) => {
      const stored = chunks.get(digest);
      if (stored === undefined) throw chunkNotFound(digest, 'memory');
      return Buffer.from(stored);
    },
    flush: async () => {},
    putManifest: async (name, bytes) => {
      const entry = manifestEntry(name, bytes);
      await checkComplete(bytes, store);
      if (manifests.has(entry.name)) throw imageExists(entry.name, 'memory');
      manifests.set(entry.name, { bytes: Buffer.from(bytes), entry });
    },
    getManifest: async (name) => Buffer.from(find(name).bytes),
    listManifests: async () => sortByName([...manifests.values()].map(({ entry }) => entry)),
    deleteManifest: async (name) => {
      manifests.delete(find(name).entry.name);
    },
    stats: async () => ({
      images: manifests.size,
      chunks: chunks.size,
      storedBytes: [...chunks.values()].reduce((sum, stored) => sum + stored.length, 0),
    }),
    putKey: async (id, key) => {
      checkKeyObject(id, key);
      if (keys.get(id)?.equals(key) === false) throw keyExists(id);
      keys.set(id, Buffer.from(key));
    },
    listKeys: async () => [...keys].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, key]) => Buffer.from(key)),
    deleteKey: async (id) => {
      if (!keys.delete(id)) throw keyNotFound(id, 'memory');
    },
    close: async () => {},
  };
  return store;
}
