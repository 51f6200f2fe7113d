// The form in which a chunk of an encrypted image is stored and sent (docs/format.md, "Sealed chunk"): a stored chunk inside AES-256-GCM.
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { DeployError } from '../../protocol/errors.ts';
import { digestOf } from '../chunk/digest.ts';
import { freeMemory } from '../chunk/memory.ts';
import { decodeChunk, maxStoredBytes, unpackChunk } from '../chunk/stored-chunk.ts';
import type { Digest } from '../store/chunk-store.ts';
import { hmac, nameOfToken, type SealingKeys, tokenOf } from './data-key.ts';

const magic = Buffer.from('DOSE');
const version = 1;
/** Magic, version, zeros, id of the data key (16 bytes), token (32): authenticated, not secret. */
const headerBytes = 56;
const nonceBytes = 12;
const lengthBytes = 4;
const tagBytes = 16;
const checksumBytes = 32;
const leastBytes = headerBytes + nonceBytes + lengthBytes + tagBytes + checksumBytes;

export function isSealed(stored: Uint8Array): boolean {
  return magic.equals(stored.subarray(0, magic.length));
}

/**
 * Seals the stored form of the chunk `digest`. The same form gives the same bytes; the nonce is derived, for a machine that
 * booted a second ago may have no randomness to spare (docs/decisions/013-encryption.md).
 */
export function sealChunk(keys: SealingKeys, digest: Digest, stored: Uint8Array): Uint8Array<ArrayBuffer> {
  const token = tokenOf(keys, digest);
  const nonce = hmac(keys.nonces, token, Buffer.from(digestOf(stored), 'hex')).subarray(0, nonceBytes);
  const tail = Buffer.alloc(paddedLength(stored) - stored.length + lengthBytes);
  tail.writeUInt32LE(stored.length, tail.length - lengthBytes);
  const sealed = Buffer.allocUnsafeSlow(leastBytes - lengthBytes + stored.length + tail.length);
  header(keys.id, token).copy(sealed);
  nonce.copy(sealed, headerBytes);
  const cipher = createCipheriv('aes-256-gcm', hmac(keys.sealing, token), nonce);
  cipher.setAAD(sealed.subarray(0, headerBytes));
  let at = headerBytes + nonceBytes;
  for (const part of [stored, tail]) {
    const encrypted = cipher.update(part);
    at += encrypted.copy(sealed, at);
    freeMemory(encrypted);
  }
  at += cipher.final().copy(sealed, at);
  at += cipher.getAuthTag().copy(sealed, at);
  Buffer.from(digestOf(sealed.subarray(0, at)), 'hex').copy(sealed, at);
  return sealed;
}

function header(keyId: string, token: Buffer): Buffer {
  return Buffer.concat([magic, Buffer.from([version, 0, 0, 0]), Buffer.from(keyId, 'hex'), token]);
}

/**
 * Padmé (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", 2019): of a compressed
 * length only the highest bits stay, at most an eighth more is stored. What did not compress says so by its length anyway.
 */
function paddedLength(stored: Uint8Array): number {
  const raw = 12 + Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength).readUInt32LE(8);
  const exponent = 31 - Math.clz32(stored.length);
  const step = 2 ** (exponent - (31 - Math.clz32(exponent)) - 1);
  return Math.max(stored.length, Math.min(raw, Math.ceil(stored.length / step) * step));
}

/** What can be checked without a key: the form, that it is filed under its own name, that no bit of it changed. @throws chunk-corrupt */
function checkSealed(name: Digest, bytes: Uint8Array): Buffer {
  const sealed = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!isSealed(sealed)) throw corrupt(name, 'it does not begin as a sealed chunk');
  if (sealed.length < leastBytes || sealed.length > maxStoredBytes)
    throw corrupt(name, `it has ${sealed.length} bytes`);
  if (sealed[4] !== version) throw corrupt(name, `its version is ${sealed[4]}, known is ${version}`);
  if (sealed.readUIntLE(5, 3) !== 0) throw corrupt(name, 'its header is damaged');
  if (nameOfToken(sealed.subarray(24, headerBytes)) !== name) throw corrupt(name, 'it is filed under another name');
  const checked = sealed.subarray(0, -checksumBytes);
  if (digestOf(checked) !== sealed.toString('hex', checked.length)) throw corrupt(name, 'its checksum does not fit');
  return sealed;
}

/**
 * The stored form inside, in memory of its own. What that holds is for the caller to check, by the digest it knows.
 * @throws chunk-corrupt, also when another key sealed it
 */
export function openChunk(keys: SealingKeys, name: Digest, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const sealed = checkSealed(name, bytes);
  const token = sealed.subarray(24, headerBytes);
  if (!header(keys.id, token).equals(sealed.subarray(0, headerBytes))) throw corrupt(name, 'another key sealed it');
  const body = sealed.subarray(headerBytes + nonceBytes, -(tagBytes + checksumBytes));
  const nonce = sealed.subarray(headerBytes, headerBytes + nonceBytes);
  const decipher = createDecipheriv('aes-256-gcm', hmac(keys.sealing, token), nonce, { authTagLength: tagBytes });
  decipher.setAAD(sealed.subarray(0, headerBytes));
  decipher.setAuthTag(sealed.subarray(-(tagBytes + checksumBytes), -checksumBytes));
  const opened = decipher.update(body);
  try {
    decipher.final();
  } catch (cause) {
    throw corrupt(name, 'it is not what this key sealed', cause);
  }
  const length = opened.readUInt32LE(opened.length - lengthBytes);
  if (length > opened.length - lengthBytes) throw corrupt(name, `it claims ${length} bytes`);
  const stored = Buffer.allocUnsafeSlow(length);
  opened.copy(stored, 0, 0, length);
  freeMemory(opened);
  return stored;
}

/**
 * Whether stored bytes are what a store may keep under `name`, plain or sealed. With the keys, what is inside a sealed chunk of theirs too.
 * @throws chunk-corrupt
 */
export function checkStoredChunk(name: Digest, stored: Uint8Array, keys: SealingKeys | null): void {
  if (!isSealed(stored)) {
    const bytes = decodeChunk(name, stored);
    if (bytes.buffer !== stored.buffer) freeMemory(bytes);
    return;
  }
  const keyId = checkSealed(name, stored).toString('hex', 8, 24);
  if (keys === null || keys.id !== keyId) return;
  const content = unpackChunk(name, openChunk(keys, name, stored));
  if (nameOfToken(tokenOf(keys, digestOf(content))) !== name) throw corrupt(name, 'it holds other bytes');
  freeMemory(content);
}

function corrupt(name: Digest, why: string, cause?: unknown): DeployError {
  return new DeployError('chunk-corrupt', `chunk ${name} is damaged: ${why}`, {
    cause,
    hint: 'Find every damaged image with `deploy-os store check`; capture again to replace what is lost.',
  });
}
