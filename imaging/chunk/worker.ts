// The thread that touches the bytes: reads slots, digests, compresses, and on the way back decodes, checks and writes.
import { parentPort, workerData } from 'node:worker_threads';
import { DeployError, toDeployError, toErrorBody } from '../../protocol/errors.ts';
import { checkStoredChunk, openChunk, sealChunk } from '../crypt/sealed-chunk.ts';
import type { Digest, StoredChunk } from '../store/chunk-store.ts';
import { findFiles, makeFiles } from '../store/store-files.ts';
import { allocateArena } from './arena.ts';
import { type Device, openDevice } from './device-io.ts';
import { digestOf } from './digest.ts';
import { freeMemory, memoryBehind, ownedMemory } from './memory.ts';
import { readSlotInto } from './read-slot.ts';
import { applyPatch, makePatch } from './slot-patch.ts';
import { decodeChunk, encodeChunk } from './stored-chunk.ts';
import type {
  CallName,
  SlotInBuffer,
  WorkerCalls,
  WorkerOptions,
  WorkerReply,
  WorkerRequest,
} from './worker-messages.ts';
import { writeSlotFrom } from './write-slot.ts';

const options = workerData as WorkerOptions;
const zeros = Buffer.alloc(options.chunkSizeBytes);
let arena: readonly Buffer[] | undefined;
let device: Device | undefined;
let bufferedDevice: Device | undefined;

type Handlers = { [Name in CallName]: (request: WorkerCalls[Name]['request']) => WorkerCalls[Name]['reply'] };

const handlers: Handlers = {
  readSlot(slot) {
    return { digest: readAndDigest(slot) };
  },
  readSlots({ slots }) {
    return { digests: slots.map(readAndDigest) };
  },
  packSlots({ slots, level }) {
    const packed = slots.map(({ base, ...slot }) =>
      packSlot(buffer(slot.buffer).subarray(0, slot.lengthBytes), base, level),
    );
    return { stored: packed.map(({ stored }) => stored), patches: packed.map(({ patch }) => patch) };
  },
  packBytes({ bytes, level }) {
    return { digest: digestOf(bytes), stored: encodeChunk(bytes, level) };
  },
  writeSlot({ buffer: number, digest, stored, writes, ...place }) {
    const bytes = buffer(number).subarray(0, place.lengthBytes);
    if (digest === null || stored === null) bytes.fill(0);
    else {
      const chunk = decoded(digest, stored, place.lengthBytes);
      bytes.set(chunk);
      free(chunk, stored);
    }
    writeSlotFrom(bytes, openedDevice(), openedBuffered, place.offsetBytes, writes);
    return null;
  },
  patchBuffer({ buffer: number, lengthBytes, digest, patch }) {
    const bytes = buffer(number).subarray(0, lengthBytes);
    const changes = applyPatch(bytes, decodeChunk(patch.digest, patch.stored));
    freeMemory(patch.stored);
    return { changes: digestOf(bytes) === digest ? changes : null };
  },
  writeBuffer({ buffer: number, writes, ...place }) {
    const bytes = buffer(number).subarray(0, place.lengthBytes);
    writeSlotFrom(bytes, openedDevice(), openedBuffered, place.offsetBytes, writes);
    return null;
  },
  checkChunk({ digest, stored, lengthBytes, keys }) {
    if (lengthBytes === null) checkStoredChunk(digest, stored, keys ?? null);
    else decoded(digest, stored, lengthBytes);
    return null;
  },
  checkChunks({ chunks }) {
    for (const { digest, stored } of chunks) checkStoredChunk(digest, stored, null);
    return { chunks };
  },
  sealChunk({ keys, digest, stored }) {
    return { stored: sealChunk(keys, digest, stored) };
  },
  openChunk({ keys, name, stored }) {
    return { stored: openChunk(keys, name, stored) };
  },
  decodeChunk({ digest, stored, lengthBytes }) {
    return { bytes: decoded(digest, stored, lengthBytes) };
  },
  makeFiles({ label, files }) {
    makeFiles(label, files);
    for (const { bytes } of files) freeMemory(bytes);
    return null;
  },
  findFiles({ label, files, renewBeforeMs }) {
    return { found: findFiles(label, files, renewBeforeMs) };
  },
};

function packSlot(
  bytes: Buffer,
  base: StoredChunk | null,
  level: number,
): { stored: Uint8Array; patch: Digest | null } {
  const patch = base === null ? null : patchFrom(base, bytes);
  return patch === null
    ? { stored: encodeChunk(bytes, level), patch: null }
    : { stored: encodeChunk(patch, level), patch: digestOf(patch) };
}

/** A base that is damaged in the store is none: the slot is stored whole then. */
function patchFrom({ digest, stored }: StoredChunk, slot: Buffer): Buffer | null {
  try {
    const base = decodeChunk(digest, stored);
    const patch = makePatch(base, slot);
    free(base, stored);
    return patch;
  } catch (thrown) {
    if (toDeployError(thrown).code !== 'chunk-corrupt') throw thrown;
    return null;
  }
}

function readAndDigest(request: SlotInBuffer): Digest | null {
  const slot = readSlotInto(buffer(request.buffer), openedDevice(), request, options.device?.mode === 'direct-update');
  return slot.compare(zeros, 0, slot.length) === 0 ? null : digestOf(slot);
}

/** Chunks stored raw are decoded in place. */
function free(bytes: Uint8Array, stored: Uint8Array): void {
  if (bytes.buffer !== stored.buffer) freeMemory(bytes);
  freeMemory(stored);
}

function decoded(digest: string, stored: Uint8Array, lengthBytes: number | null): Uint8Array {
  const bytes = decodeChunk(digest, stored);
  if (lengthBytes === null || bytes.length === lengthBytes) return bytes;
  throw new DeployError('chunk-corrupt', `chunk ${digest} has ${bytes.length} bytes, its slot ${lengthBytes}`);
}

function buffer(number: number): Buffer {
  arena ??= allocateArena(options.bufferCount, options.chunkSizeBytes);
  const bytes = arena[number];
  if (bytes === undefined) throw new DeployError('internal', `no buffer ${number}`);
  return bytes;
}

function openedDevice(): Device {
  if (options.device === null) throw new DeployError('internal', 'this worker has no device');
  device ??= openDevice(options.device);
  return device;
}

/** Beside a direct one, for ranges that are not made of whole pages. */
function openedBuffered(): Device {
  if (options.device?.mode !== 'direct-update') return openedDevice();
  bufferedDevice ??= openDevice({ ...options.device, mode: 'update' });
  return bufferedDevice;
}

function answer({ id, call, request }: WorkerRequest): { message: WorkerReply; transfer: ArrayBuffer[] } {
  try {
    const handle = handlers[call] as (request: WorkerRequest['request']) => WorkerCalls[CallName]['reply'];
    const reply = handle(request);
    const transfer = replyMemory(reply);
    return { message: { id, reply }, transfer };
  } catch (thrown) {
    return { message: { id, error: toErrorBody(toDeployError(thrown)) }, transfer: [] };
  }
}

function replyMemory(reply: WorkerCalls[CallName]['reply']): ArrayBuffer[] {
  if (reply === null) return [];
  if ('chunks' in reply) return memoryBehind(reply.chunks.map(({ stored }) => stored));
  if ('stored' in reply) return [reply.stored].flat().flatMap(ownedMemory);
  return 'bytes' in reply ? decodedMemory(reply.bytes) : [];
}

/** Small buffers may lie in memory that Node shares between many: they are copied. */
function decodedMemory({ buffer }: Uint8Array): ArrayBuffer[] {
  return buffer.byteLength > 65_536 ? [buffer as ArrayBuffer] : [];
}

parentPort?.on('message', (message: WorkerRequest) => {
  const { message: reply, transfer } = answer(message);
  parentPort?.postMessage(reply, transfer);
});
