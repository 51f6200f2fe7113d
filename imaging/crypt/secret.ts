// What a person holds: a key file or a passphrase. Each locks wrapped keys.
import { type Argon2Parameters, argon2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { deriveKey } from './data-key.ts';
import type { KeyLock } from './key-object.ts';

export type KeySecret =
  | { readonly kind: 'file'; readonly id: string; readonly bytes: Buffer }
  | { readonly kind: 'passphrase'; readonly text: string };

/** Asked for the secret once it turns out that one is needed; null when there is none. `purpose` tells a person what for. */
export type AskSecret = (purpose: string) => Promise<KeySecret | null>;

export function fileSecret(bytes: Buffer): KeySecret {
  return { kind: 'file', id: deriveKey(bytes, 'key file id', 16).toString('hex'), bytes };
}

/** The lock to make for a new wrapping. RFC 9106 section 4, second recommended option. */
export function newLock(secret: KeySecret): KeyLock {
  if (secret.kind === 'file') return { kind: 'file', fileId: secret.id };
  const salt = randomBytes(16).toString('base64');
  return { kind: 'passphrase', kdf: 'argon2id', memoryKiB: 64 * 1024, passes: 3, lanes: 4, salt };
}

/** Whether it is worth trying. */
export function mayFit(secret: KeySecret, lock: KeyLock): boolean {
  return secret.kind === 'file' ? lock.kind === 'file' && lock.fileId === secret.id : lock.kind === 'passphrase';
}

/** The AES-256 key of one wrapping: no two share one, for each has an id of its own. */
export async function wrappingKey(secret: KeySecret, lock: KeyLock, id: string): Promise<Buffer> {
  const strong = secret.kind === 'file' ? secret.bytes : await stretch(secret.text, lock);
  return deriveKey(strong, 'wrapping', 32, Buffer.from(id, 'hex'));
}

const argon2Async = promisify<'argon2id', Argon2Parameters, Buffer>(argon2);

/** Normal form C: the same passphrase from every keyboard (RFC 8265 section 4.2). */
async function stretch(text: string, lock: KeyLock): Promise<Buffer> {
  if (lock.kind !== 'passphrase') throw new TypeError('a passphrase does not fit a key file’s lock');
  return argon2Async('argon2id', {
    message: Buffer.from(text.normalize('NFC')),
    nonce: Buffer.from(lock.salt, 'base64'),
    parallelism: lock.lanes,
    memory: lock.memoryKiB,
    passes: lock.passes,
    tagLength: 32,
  });
}
