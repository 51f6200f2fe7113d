// What the main thread asks of a worker and what it gets back. Offsets are on the device; extents are relative to the slot.
import type { ErrorBody } from '../../protocol/errors.ts';
import type { SealingKeys } from '../crypt/data-key.ts';
import type { Extent } from '../extent.ts';
import type { Digest, StoredChunk } from '../store/chunk-store.ts';
import type { NewFile } from '../store/store-files.ts';
import type { DeviceAccess } from './device-io.ts';

export type WorkerOptions = {
  readonly device: DeviceAccess | null;
  readonly chunkSizeBytes: number;
  readonly bufferCount: number;
};

export type SlotPlace = { readonly offsetBytes: number; readonly lengthBytes: number };

/** A slot, the buffer for it, and its used extents. */
export type SlotInBuffer = SlotPlace & { readonly buffer: number; readonly used: readonly Extent[] };

export type SlotToPack = Pick<SlotInBuffer, 'buffer' | 'lengthBytes'> & { readonly base: StoredChunk | null };

/** Each request with its reply. `buffer` is the number of the arena buffer that the caller has leased. */
export type WorkerCalls = {
  /** Fills the buffer with the slot, unused bytes zeroed; digest null when all of it is zero. */
  readSlot: { request: SlotInBuffer; reply: { digest: Digest | null } };
  /** The same for several, in their order. */
  readSlots: { request: { slots: readonly SlotInBuffer[] }; reply: { digests: (Digest | null)[] } };
  /** The stored forms of what `readSlots` left in the buffers, or of patches against a base where those are small: then with the patch's digest. */
  packSlots: {
    request: { slots: readonly SlotToPack[]; level: number };
    reply: { stored: Uint8Array[]; patches: (Digest | null)[] };
  };
  packBytes: { request: { bytes: Uint8Array; level: number }; reply: { digest: Digest; stored: Uint8Array } };
  /** Decodes, checks the digest and writes the given ranges of the slot; zeros where there is no chunk. */
  writeSlot: {
    request: SlotPlace & {
      buffer: number;
      digest: Digest | null;
      stored: Uint8Array | null;
      writes: readonly Extent[];
    };
    reply: null;
  };
  /** Applies a patch to what `readSlot` left in the buffer. If that makes what `digest` names, `changes` tells what the patch replaced; else it is null. */
  patchBuffer: {
    request: { buffer: number; lengthBytes: number; digest: Digest; patch: StoredChunk };
    reply: { changes: Extent[] | null };
  };
  /** Writes the given ranges of what `readSlot` or `patchBuffer` left in the buffer, elsewhere. */
  writeBuffer: { request: SlotPlace & { buffer: number; writes: readonly Extent[] }; reply: null };
  /** Decodes and checks the digest, and the length if one is given. Without one, what a store keeps is checked: a sealed chunk too, its content if `keys` are its. */
  checkChunk: {
    request: { digest: Digest; stored: Uint8Array; lengthBytes: number | null; keys?: SealingKeys };
    reply: null;
  };
  /** The same for several, as a store keeps them. Their memory, which may be that of one body, comes back with the answer. */
  checkChunks: { request: { chunks: readonly StoredChunk[] }; reply: { chunks: readonly StoredChunk[] } };
  /** Between the stored form of a chunk and its sealed form. */
  sealChunk: { request: { keys: SealingKeys; digest: Digest; stored: Uint8Array }; reply: { stored: Uint8Array } };
  openChunk: { request: { keys: SealingKeys; name: Digest; stored: Uint8Array }; reply: { stored: Uint8Array } };
  /** The same, and the bytes. */
  decodeChunk: { request: { digest: Digest; stored: Uint8Array; lengthBytes: number }; reply: { bytes: Uint8Array } };
  /** For a directory store: see store/store-files.ts. */
  makeFiles: { request: { label: string; files: readonly NewFile[] }; reply: null };
  findFiles: {
    request: { label: string; files: readonly string[]; renewBeforeMs: number };
    reply: { found: boolean[] };
  };
};

export type CallName = keyof WorkerCalls;

export type WorkerRequest = {
  [Name in CallName]: { readonly id: number; readonly call: Name; readonly request: WorkerCalls[Name]['request'] };
}[CallName];

export type WorkerReply =
  | { readonly id: number; readonly reply: WorkerCalls[CallName]['reply'] }
  | { readonly id: number; readonly error: ErrorBody };
