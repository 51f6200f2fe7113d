// The key under which images are sealed, and the keys for single purposes that come of it (docs/format.md, "Encryption").
import { createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { digestOf } from '../chunk/digest.ts';
import type { Digest } from '../store/chunk-store.ts';

/** What sealing and opening needs; crosses to the worker threads, and never leaves this machine. */
export type SealingKeys = {
  /** 32 hex digits; says nothing of the key but whether it is the same. */
  readonly id: string;
  readonly naming: Uint8Array;
  readonly sealing: Uint8Array;
  readonly nonces: Uint8Array;
};

/** A data key: the 32 secret bytes that a store keeps only wrapped. */
export type DataKey = { readonly secret: Buffer; readonly keys: SealingKeys };

export function makeDataKey(): DataKey {
  return dataKeyFrom(randomBytes(32));
}

export function dataKeyFrom(secret: Buffer): DataKey {
  const keys = {
    id: deriveKey(secret, 'data key id', 16).toString('hex'),
    naming: deriveKey(secret, 'naming', 32),
    sealing: deriveKey(secret, 'sealing', 32),
    nonces: deriveKey(secret, 'nonces', 32),
  };
  return { secret, keys };
}

/** HKDF-SHA-256 (RFC 5869), one output for each purpose. */
export function deriveKey(secret: Uint8Array, purpose: string, lengthBytes: number, salt = new Uint8Array(0)): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, `deploy-os 1 ${purpose}`, lengthBytes));
}

export function hmac(key: Uint8Array, ...parts: readonly (Uint8Array | string)[]): Buffer {
  const mac = createHmac('sha256', key);
  for (const part of parts) mac.update(part);
  return mac.digest();
}

/** What stands for a chunk's digest in the open: the same for the same content under one key, and unrelated under another. */
export function tokenOf(keys: Pick<SealingKeys, 'naming'>, digest: Digest): Buffer {
  return hmac(keys.naming, Buffer.from(digest, 'hex'));
}

/** The name a sealed chunk is stored under. Anyone can check it against the token, and no plain chunk ever has it. */
export function nameOfToken(token: Uint8Array): Digest {
  return digestOf(Buffer.concat([Buffer.from('deploy-os sealed chunk 1\n'), token]));
}
