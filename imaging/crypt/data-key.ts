// The key under which images are sealed, and the keys for single purposes that come of it (docs/format.md, "Encryption").
import { hkdfSync, randomBytes } from 'node:crypto';

/** What sealing and opening needs; crosses to the worker threads, and never leaves this machine. */
type SealingKeys = {
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
