// A wrapped key as a store keeps it, beside its images: the data key, locked with a key file or a passphrase (docs/format.md, "Key").
import { z } from 'zod';
import { DeployError } from '../../protocol/errors.ts';
import { digestOf } from '../chunk/digest.ts';
import { canonicalJson, type Json } from '../manifest/canonical-json.ts';

export const maxKeyObjectBytes = 8192;
/** More wrappings than a store may hold; each passphrase among them costs a reader half a second. */
export const maxKeyObjects = 64;

const keyId = z.string().regex(/^[0-9a-f]{32}$/);

/**
 * The bounds hold a hostile store back: it can neither make a reader fill its memory nor pretend that a weak derivation was agreed.
 * RFC 9106 section 4 recommends 64 MiB, three passes, four lanes where memory is scarce.
 */
const passphraseLock = z.object({
  kind: z.literal('passphrase'),
  kdf: z.literal('argon2id'),
  memoryKiB: z
    .int()
    .min(16 * 1024)
    .max(256 * 1024),
  passes: z.int().min(2).max(16),
  lanes: z.int().min(1).max(16),
  salt: z.base64().length(24),
});

const schema = z.object({
  format: z.literal('deploy-os-key'),
  version: z.literal(1),
  id: keyId,
  /** Which data key is inside; images name theirs by it. */
  dataKeyId: keyId,
  label: z.string().max(255),
  createdAt: z.iso.datetime(),
  lock: z.discriminatedUnion('kind', [z.object({ kind: z.literal('file'), fileId: keyId }), passphraseLock]),
  /** Nonce (12 bytes), ciphertext (32), tag (16). */
  wrapped: z.base64().length(80),
  digest: z.string(),
});

export type KeyObject = z.infer<typeof schema>;
export type KeyLock = KeyObject['lock'];

export function isKeyId(text: string): boolean {
  return keyId.safeParse(text).success;
}

/** The object with format, version and digest, as the bytes to store. */
export function encodeKeyObject(key: Omit<KeyObject, 'format' | 'version' | 'digest'>): Buffer {
  const unsealed = { ...key, format: 'deploy-os-key', version: 1 } as const;
  const digest = digestOf(Buffer.from(canonicalJson(unsealed)));
  return Buffer.from(`${canonicalJson({ ...unsealed, digest })}\n`);
}

/** Foreign bytes: shape, bounds and digest are checked. @throws key-corrupt */
export function parseKeyObject(stored: Uint8Array): KeyObject {
  if (stored.length > maxKeyObjectBytes) throw corrupt(`it is ${stored.length} bytes long`);
  let raw: unknown;
  try {
    raw = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(stored));
  } catch (cause) {
    throw corrupt('it is not JSON', cause);
  }
  const parsed = schema.safeParse(raw);
  if (!parsed.success) throw corrupt(z.prettifyError(parsed.error).slice(0, 500));
  const { digest, ...signed } = raw as { [key: string]: Json };
  if (digestOf(Buffer.from(canonicalJson(signed))) !== digest) throw corrupt('it does not match its digest');
  return parsed.data;
}

/** What a store checks of a key before it keeps it. @throws key-corrupt, invalid-input */
export function checkKeyObject(id: string, stored: Uint8Array): void {
  const key = parseKeyObject(stored);
  if (key.id !== id) throw new DeployError('invalid-input', `the key ${key.id} cannot be stored as '${id}'`);
}

function corrupt(why: string, cause?: unknown): DeployError {
  return new DeployError('key-corrupt', `a key of the store is damaged: ${why}`, {
    cause,
    hint: 'Another key of the store opens the same images; or restore the folder keys/ of the store from its backup.',
  });
}
