// Looking after a store in memory: the shortest statement of what that means.
import { DeployError } from '../../protocol/errors.ts';
import type { Digest } from './chunk-store.ts';
import { chunkNotFound } from './manifest-entry.ts';
import type { ChunkInfo, Quarantine, StoreMaintenance } from './store-maintenance.ts';

export type MemoryChunks = Map<Digest, { stored: Buffer; modifiedMs: number }>;

type Contents = {
  readonly chunks: MemoryChunks;
  readonly quarantines: Set<MemoryChunks>;
  readonly manifests: ReadonlyMap<string, { bytes: Buffer }>;
  readonly announced: Map<string, { bytes: Buffer; modifiedMs: number }>;
};

export function memoryMaintenance({ chunks, quarantines, manifests, announced }: Contents): StoreMaintenance {
  const damaged: MemoryChunks = new Map();
  return {
    readClock: async () => Date.now(),
    async *listChunks({ select } = {}) {
      for (const digest of [...chunks.keys()]) {
        if (chunks.has(digest) && (select?.(digest) ?? true)) yield* inform(chunks, digest);
      }
    },
    async *readManifests() {
      for (const [place, { bytes }] of announced) yield { place, announced: true, bytes: Buffer.from(bytes) };
      for (const [place, { bytes }] of manifests) yield { place, announced: false, bytes: Buffer.from(bytes) };
    },
    openQuarantine: () => openQuarantine(chunks, quarantines),
    setAside: async (digests) => digests.forEach((digest) => void move(digest, chunks, damaged)),
    getSetAside: async (digest) => {
      const chunk = damaged.get(digest);
      if (chunk === undefined) throw chunkNotFound(digest, 'memory');
      return Buffer.from(chunk.stored);
    },
    async *listSetAside() {
      for (const digest of damaged.keys()) yield* inform(damaged, digest);
    },
    deleteSetAside: async (digests) => digests.forEach((digest) => void damaged.delete(digest)),
    async *listLeftOver() {
      for (const [place, { modifiedMs }] of announced) yield { place, modifiedMs };
    },
    deleteLeftOver: async (place) => {
      if (!announced.delete(place)) throw new DeployError('invalid-input', `${place} is nothing left over`);
    },
  };
}

function openQuarantine(chunks: MemoryChunks, quarantines: Set<MemoryChunks>): Quarantine {
  const held: MemoryChunks = new Map();
  quarantines.add(held);
  return {
    take: async (digests) => digests.flatMap((digest) => move(digest, chunks, held)),
    async *adopt() {
      for (const other of quarantines) {
        if (other !== held) for (const digest of [...other.keys()]) yield* move(digest, other, held);
      }
    },
    settle: async () => {},
    giveBack: async (digests) => {
      for (const digest of digests) {
        if (chunks.has(digest)) held.delete(digest);
        else move(digest, held, chunks);
      }
    },
    destroy: async (digests) => digests.forEach((digest) => void held.delete(digest)),
  };
}

function move(digest: Digest, from: MemoryChunks, to: MemoryChunks): ChunkInfo[] {
  const chunk = from.get(digest);
  if (chunk === undefined) return [];
  from.delete(digest);
  to.set(digest, chunk);
  return inform(to, digest);
}

function inform(some: MemoryChunks, digest: Digest): ChunkInfo[] {
  const chunk = some.get(digest);
  return chunk === undefined ? [] : [{ digest, storedBytes: chunk.stored.length, modifiedMs: chunk.modifiedMs }];
}
