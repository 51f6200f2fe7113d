// The form in which a chunk is stored and sent: a small header, then the bytes raw or as one zstd frame (docs/format.md, "Stored chunk").
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { DeployError } from '../../protocol/errors.ts';
import type { Digest, StoredChunk } from '../store/chunk-store.ts';
import { digestOf } from './digest.ts';
import { freeMemory } from './memory.ts';
import { applyPatch } from './slot-patch.ts';

/** Nothing longer than this is ever encoded or decoded, whatever a header says. */
export const maxChunkBytes = 16 * 2 ** 20;
/** The longest stored form there can be, sealed (crypt/sealed-chunk.ts) or not; what a server may refuse to read past. */
export const maxStoredBytes = maxChunkBytes + 256;

export const defaultLevel = 1;

const headerBytes = 12;
const magic = Buffer.from('DOSC');
const version = 1;
/** `patched` is on its way from a store to a thread; no store keeps it. */
const encodings = { raw: 0, zstd: 1, patched: 2 } as const;
/** In front of the two parts of a patched one: their digests and the length of the first. */
const joinBytes = 68;

/** The stored form of `bytes`, in memory of its own (so that it can be handed over to another thread). Compresses on the calling thread. */
export function encodeChunk(bytes: Uint8Array, level: number = defaultLevel): Uint8Array<ArrayBuffer> {
  if (bytes.length > maxChunkBytes) throw new DeployError('too-large', `a chunk of ${bytes.length} bytes`);
  // With the output buffer at zstd's bound one call does it, twice as fast as growing.
  const bound = bytes.length + (bytes.length >> 8) + 512;
  const packed = zstdCompressSync(bytes, {
    chunkSize: bound,
    params: parametersOf(level),
  });
  const stored =
    packed.length < bytes.length
      ? frame(encodings.zstd, bytes.length, packed)
      : frame(encodings.raw, bytes.length, bytes);
  freeMemory(packed);
  return stored;
}

/**
 * Level 1 finds shorter matches than zstd's own, in all of a chunk instead of its last half: 2.5 % smaller at the same
 * speed on the bench's disk. Other levels are zstd's.
 */
function parametersOf(level: number): Record<number, number> {
  const own = { [constants.ZSTD_c_minMatch]: 6, [constants.ZSTD_c_hashLog]: 14, [constants.ZSTD_c_windowLog]: 20 };
  return { [constants.ZSTD_c_compressionLevel]: level, ...(level === 1 ? own : {}) };
}

function frame(encoding: number, lengthBytes: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const stored = Buffer.allocUnsafeSlow(headerBytes + payload.length);
  writeHeader(stored, encoding, lengthBytes);
  stored.set(payload, headerBytes);
  return stored;
}

function writeHeader(stored: Buffer, encoding: number, lengthBytes: number): void {
  stored.set(magic);
  stored[4] = version;
  stored[5] = encoding;
  stored.writeUInt16LE(0, 6);
  stored.writeUInt32LE(lengthBytes, 8);
}

/** The stored forms of a base and of a patch for it as the stored form of what they make. */
export function joinPatched(base: StoredChunk, patch: StoredChunk): Buffer {
  const joined = Buffer.allocUnsafeSlow(headerBytes + joinBytes + base.stored.length + patch.stored.length);
  const baseLengthBytes = Buffer.from(base.stored.buffer, base.stored.byteOffset, base.stored.byteLength);
  writeHeader(joined, encodings.patched, base.stored.length < headerBytes ? 0 : baseLengthBytes.readUInt32LE(8));
  joined.write(base.digest + patch.digest, headerBytes, 'hex');
  joined.writeUInt32LE(base.stored.length, headerBytes + 64);
  joined.set(base.stored, headerBytes + joinBytes);
  joined.set(patch.stored, headerBytes + joinBytes + base.stored.length);
  return joined;
}

/**
 * The bytes that `digest` names, out of their stored form.
 * @throws chunk-corrupt when the form is damaged, longer than allowed, or holds other bytes
 */
export function decodeChunk(digest: Digest, stored: Uint8Array): Uint8Array {
  const bytes = unpackChunk(digest, stored);
  if (digestOf(bytes) !== digest) throw corrupt(digest, 'its bytes do not match its digest');
  return bytes;
}

/** The bytes of a stored form, whatever their digest is; `digest` is what the error calls it. @throws chunk-corrupt */
export function unpackChunk(digest: Digest, bytes: Uint8Array): Uint8Array {
  const stored = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (stored.length < headerBytes) throw corrupt(digest, `it is only ${stored.length} bytes long`);
  if (!stored.subarray(0, 4).equals(magic)) throw corrupt(digest, 'it does not begin as a stored chunk');
  if (stored[4] !== version) throw corrupt(digest, `its version is ${stored[4]}, known is ${version}`);
  if (stored.readUInt16LE(6) !== 0) throw corrupt(digest, 'its header is damaged');
  const lengthBytes = stored.readUInt32LE(8);
  if (lengthBytes > maxChunkBytes) throw corrupt(digest, `it claims ${lengthBytes} bytes`);
  const payload = stored.subarray(headerBytes);
  if (stored[5] === encodings.raw) {
    if (payload.length !== lengthBytes) throw corrupt(digest, `it holds ${payload.length} of ${lengthBytes} bytes`);
    return payload;
  }
  if (stored[5] === encodings.patched) return unpackPatched(digest, payload, lengthBytes);
  if (stored[5] !== encodings.zstd) throw corrupt(digest, `its encoding is ${stored[5]}`);
  return decompress(digest, payload, lengthBytes);
}

/** Each part is held against its own digest, so that the one that is damaged is the one that is named. */
function unpackPatched(digest: Digest, payload: Buffer, lengthBytes: number): Uint8Array {
  const baseEnd = payload.length < joinBytes ? Number.POSITIVE_INFINITY : joinBytes + payload.readUInt32LE(64);
  if (baseEnd > payload.length) throw corrupt(digest, 'it is cut short');
  const base = decodePart(payload.toString('hex', 0, 32), payload.subarray(joinBytes, baseEnd));
  const patch = decodePart(payload.toString('hex', 32, 64), payload.subarray(baseEnd));
  if (base.length !== lengthBytes) throw corrupt(digest, `its base has ${base.length} of ${lengthBytes} bytes`);
  applyPatch(base, patch);
  return base;
}

function decodePart(digest: Digest, stored: Buffer): Uint8Array {
  if (stored[5] === encodings.patched) throw corrupt(digest, 'it is a patch of a patch');
  return decodeChunk(digest, stored);
}

function decompress(digest: Digest, payload: Buffer, lengthBytes: number): Buffer {
  let bytes: Buffer;
  try {
    bytes = zstdDecompressSync(payload, {
      chunkSize: Math.max(64, lengthBytes + 1),
      maxOutputLength: lengthBytes || 1,
    });
  } catch (cause) {
    throw corrupt(digest, 'it does not decompress', cause);
  }
  if (bytes.length !== lengthBytes) throw corrupt(digest, `it holds ${bytes.length} of ${lengthBytes} bytes`);
  return bytes;
}

function corrupt(digest: Digest, why: string, cause?: unknown): DeployError {
  return new DeployError('chunk-corrupt', `chunk ${digest} is damaged: ${why}`, {
    cause,
    hint: 'Find every damaged image with `deploy-os store check`; capture again to replace what is lost.',
  });
}
