// A store in memory: for tests, and the shortest statement of what a store is.

import { randomUUID } from 'node:crypto';
import { checkKeyObject } from '../crypt/key-object.ts';
import { normalizeImageName } from '../manifest/image-name.ts';
import { checkComplete } from './check-complete.ts';
import type { Digest, ManifestEntry } from './chunk-store.ts';
import { keyExists, keyNotFound } from './key-errors.ts';
import { chunkNotFound, imageExists, imageNotFound, manifestEntry, sortByName } from './manifest-entry.ts';
import { type MemoryChunks, memoryMaintenance } from './memory-maintenance.ts';
import type { MaintainedStore } from './store-maintenance.ts';

export function openMemoryStore(): MaintainedStore {
  const chunks: MemoryChunks = new Map();
  const quarantines = new Set<MemoryChunks>();
  const manifests = new Map<string, { bytes: Buffer; entry: ManifestEntry }>();
  const keys = new Map<string, Buffer>();
  const announced = new Map<string, { bytes: Buffer; modifiedMs: number }>();
  const find = (name: string) => {
    const found = manifests.get(normalizeImageName(name));
    if (found === undefined) throw imageNotFound(name, 'memory');
    return found;
  };
  const findChunk = (digest: Digest) =>
    chunks.get(digest) ?? [...quarantines].map((some) => some.get(digest)).find((chunk) => chunk !== undefined);
  const store: MaintainedStore = {
    label: 'memory',
    maintenance: memoryMaintenance({ chunks, quarantines, manifests, announced }),
    findMissing: async (digests) => {
      for (const digest of digests) {
        const chunk = chunks.get(digest);
        if (chunk !== undefined) chunk.modifiedMs = Date.now();
      }
      return digests.filter((digest) => !chunks.has(digest));
    },
    putChunks: async (put) => {
      for (const { digest, stored } of put) {
        chunks.set(digest, { stored: Buffer.from(stored), modifiedMs: Date.now() });
      }
    },
    getChunk: async (digest) => {
      const chunk = findChunk(digest);
      if (chunk === undefined) throw chunkNotFound(digest, 'memory');
      return Buffer.from(chunk.stored);
    },
    flush: async () => {},
    putManifest: async (name, bytes) => {
      const entry = manifestEntry(name, bytes);
      const place = randomUUID();
      announced.set(place, { bytes: Buffer.from(bytes), modifiedMs: Date.now() });
      try {
        await checkComplete(bytes, store);
        if (!announced.has(place)) throw imageNotFound(entry.name, 'memory');
        if (manifests.has(entry.name)) throw imageExists(entry.name, 'memory');
        manifests.set(entry.name, { bytes: Buffer.from(bytes), entry });
      } finally {
        announced.delete(place);
      }
    },
    getManifest: async (name) => Buffer.from(find(name).bytes),
    listManifests: async () => sortByName([...manifests.values()].map(({ entry }) => entry)),
    deleteManifest: async (name) => {
      manifests.delete(find(name).entry.name);
    },
    stats: async () => ({
      images: manifests.size,
      chunks: chunks.size,
      storedBytes: [...chunks.values()].reduce((sum, { stored }) => sum + stored.length, 0),
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
