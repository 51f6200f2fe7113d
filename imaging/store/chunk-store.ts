// Where chunks and manifests live: the contract that every store (directory, S3 bucket, HTTP server, memory) keeps.

import type { z } from 'zod';
import type { RunOptions } from '../progress.ts';

/** BLAKE3-256 of a chunk's uncompressed bytes, or a sealed chunk's name (crypt/), 64 lower-case hex digits. */
export type Digest = string;

/** One chunk as it is stored and sent: the stored form (docs/format.md, "Stored chunk") of the bytes that `digest` names. */
export type StoredChunk = {
  readonly digest: Digest;
  readonly stored: Uint8Array;
  /** Nobody needs `stored` after the put, nor what lies in its memory beside it: the store may hand that to another thread instead of a copy. */
  readonly disposable?: true;
};

export type ManifestEntry = {
  readonly id: string;
  readonly name: string;
  readonly sizeBytes: number;
  readonly createdAt: string;
  /** Of an encrypted image: the data key that opens it. */
  readonly keyId?: string;
  /** The id of the image that it was captured with as its parent, which may be deleted by now. What an encrypted image's parent was is sealed. */
  readonly parentId?: string;
};

export type StoreStats = {
  readonly images: number;
  readonly chunks: number;
  /** Bytes of the chunks as stored (compressed, with their headers). */
  readonly storedBytes: number;
};

/** What a server is asked to do with its store (docs/protocol.md, "Tasks"), in which words, and what it answers. */
export type ServerTask<Result> = {
  readonly name: 'gc' | 'check' | 'full-stats';
  readonly asked: object;
  readonly answer: z.ZodType<Result>;
};

/**
 * Every operation may be retried: puts are idempotent, chunks are immutable and named by content.
 * Nothing of an image is visible until `putManifest` has returned, and that is refused if a chunk the manifest names is not durable.
 * Errors: store-full, store-io, server-unreachable, cancelled; per operation as said.
 */
export interface ChunkStore {
  /** Names the store in messages: its directory or its URL. */
  readonly label: string;
  /** Those of `digests` that the store does not hold, in their order. */
  findMissing(digests: readonly Digest[], signal?: AbortSignal): Promise<Digest[]>;
  /** Stores chunks, in the place of any of the same name (which may be damaged); returns when all are accepted, not necessarily durable (see `flush`). */
  putChunks(chunks: readonly StoredChunk[], signal?: AbortSignal): Promise<void>;
  /** The stored form of a chunk. @throws chunk-not-found; the caller checks the digest (see chunk/). */
  getChunk(digest: Digest, signal?: AbortSignal): Promise<Buffer>;
  /** Returns when every chunk put before is durable. */
  flush(signal?: AbortSignal): Promise<void>;
  /** Makes an image visible, atomically. @throws image-exists when the name is taken. */
  putManifest(name: string, manifest: Uint8Array, signal?: AbortSignal): Promise<void>;
  /** The manifest's bytes as put. @throws image-not-found */
  getManifest(name: string, signal?: AbortSignal): Promise<Buffer>;
  /** Images in order of name. */
  listManifests(signal?: AbortSignal): Promise<ManifestEntry[]>;
  /** Forgets an image; its chunks stay until garbage collection. @throws image-not-found */
  deleteManifest(name: string, signal?: AbortSignal): Promise<void>;
  stats(signal?: AbortSignal): Promise<StoreStats>;
  /** Keeps a wrapped key (crypt/key-object.ts, at most 8 KiB) durably under its id, which is never reused; the same again is fine. @throws key-corrupt, invalid-input */
  putKey(id: string, key: Uint8Array, signal?: AbortSignal): Promise<void>;
  /** Every wrapped key as put, in order of id; damaged ones too. */
  listKeys(signal?: AbortSignal): Promise<Buffer[]>;
  /** @throws key-not-found. Whether it is the last one, the caller asks (crypt/manage-keys.ts). */
  deleteKey(id: string, signal?: AbortSignal): Promise<void>;
  /** Ids of the data keys whose images can be read here without asking a person; a store without this method has none. */
  openKeys?(signal?: AbortSignal): Promise<ReadonlySet<string>>;
  /**
   * Has the server that keeps the store look after it; a store without this method is looked after from here (store-maintenance.ts).
   * @throws what the task throws; server-error when the answer is none
   */
  runOnServer?<Result>(task: ServerTask<Result>, run: RunOptions): Promise<Result>;
  close(): Promise<void>;
}

export type ServedStore = ChunkStore & Required<Pick<ChunkStore, 'runOnServer'>>;

export function isServed(store: ChunkStore): store is ServedStore {
  return store.runOnServer !== undefined;
}
