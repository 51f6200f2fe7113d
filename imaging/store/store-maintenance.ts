// What a store offers, besides keeping images, to those who look after it: garbage collection, check and repair, prune, statistics.
import { DeployError } from '../../protocol/errors.ts';
import type { ChunkStore, Digest } from './chunk-store.ts';

/** `modifiedMs` is when the chunk was last put or renewed by `findMissing`, by the store's clock. */
export type ChunkInfo = { readonly digest: Digest; readonly storedBytes: number; readonly modifiedMs: number };

/** `place` names the file or object to a person. `bytes` may be damaged. An announced manifest is being put and is no image yet. */
export type StoredManifest = { readonly place: string; readonly announced: boolean; readonly bytes: Buffer };

export type LeftOver = { readonly place: string; readonly modifiedMs: number };

/**
 * Why garbage collection loses nothing beside captures, without locks and whatever the clocks say:
 * a capture announces its manifest, then looks for its chunks, then makes the manifest an image;
 * the collector takes chunks out of sight, then reads manifests (announced ones first), then destroys what none names.
 * Whichever comes first, the other notices (docs/decisions/010-garbage-collection.md).
 * Errors of every operation: store-io, cancelled.
 */
export interface StoreMaintenance {
  /** The clock that times of this store go by (a file server's, a bucket's), in ms since 1970. */
  readClock(signal?: AbortSignal): Promise<number>;
  /**
   * Every chunk that `findMissing` would call present, in no order that matters, from a listing that is not held in memory.
   * Each digest is first shown to `select`; what that refuses is not looked up (a directory store then spares a stat) and not yielded.
   */
  listChunks(options?: { select?: (digest: Digest) => boolean; signal?: AbortSignal }): AsyncIterable<ChunkInfo>;
  /** Announced manifests first, then every image, damaged ones too. One that vanishes meanwhile is left out. */
  readManifests(signal?: AbortSignal): AsyncIterable<StoredManifest>;
  /** A quarantine of this caller's own, empty at first. */
  openQuarantine(): Quarantine;
  /** Moves damaged chunks aside: from now on they are missing, to `getChunk` too, until they are put again. */
  setAside(digests: readonly Digest[], signal?: AbortSignal): Promise<void>;
  /** The bytes of one that was set aside. @throws chunk-not-found */
  getSetAside(digest: Digest, signal?: AbortSignal): Promise<Buffer>;
  /** What `setAside` keeps. */
  listSetAside(signal?: AbortSignal): AsyncIterable<ChunkInfo>;
  deleteSetAside(digests: readonly Digest[], signal?: AbortSignal): Promise<void>;
  /** Files or uploads that writers now dead left behind, and those of writers at work; announced manifests too. */
  listLeftOver(signal?: AbortSignal): AsyncIterable<LeftOver>;
  /** A writer that is still at work on it fails; an announced manifest that is deleted never becomes an image. */
  deleteLeftOver(place: string, signal?: AbortSignal): Promise<void>;
}

/** Chunks out of sight: `findMissing` calls them missing, `getChunk` still finds them (their image may have just appeared). */
export interface Quarantine {
  /** Takes chunks in, and answers those that were there, with size and time as of after the taking. */
  take(digests: readonly Digest[], signal?: AbortSignal): Promise<ChunkInfo[]>;
  /** Takes over what other quarantines hold, whose collectors died or are at work too. */
  adopt(signal?: AbortSignal): AsyncIterable<ChunkInfo>;
  /** Returns when every writer, on any machine, sees what was taken as missing, and this one sees what they announced before. */
  settle(signal?: AbortSignal): Promise<void>;
  /** Back into sight, if they are still here; what was put anew meanwhile stays. */
  giveBack(digests: readonly Digest[], signal?: AbortSignal): Promise<void>;
  /** Deletes for good, if they are still here. What was put anew meanwhile stays. */
  destroy(digests: readonly Digest[], signal?: AbortSignal): Promise<void>;
}

/** A store that can be looked after from here; one that is reached through a server cannot. */
export interface MaintainedStore extends ChunkStore {
  readonly maintenance: StoreMaintenance;
}

/** @throws usage when `store` is not a MaintainedStore */
export function maintenanceOf(store: ChunkStore & Partial<MaintainedStore>): StoreMaintenance {
  if (store.maintenance !== undefined) return store.maintenance;
  throw new DeployError(
    'usage',
    `the store ${store.label} does not give its chunks to be counted or changed from here`,
    {
      hint: 'Run this on the machine that holds the store, with --store and its directory or bucket.',
    },
  );
}
