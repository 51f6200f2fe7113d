// What a store knows of an encrypted image: its name and size, the chunks it needs by their sealed names, and the image's own manifest, sealed.
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { z } from 'zod';
import { DeployError } from '../../protocol/errors.ts';
import { digestOf } from '../chunk/digest.ts';
import { canonicalJson } from '../manifest/canonical-json.ts';
import { type Manifest, manifestOf, parseManifest } from '../manifest/manifest.ts';
import {
  corrupt,
  maxManifestBytes,
  readSignedJson,
  type SignedJson,
  sealedFormat,
  signJson,
} from '../manifest/signed-json.ts';
import type { Digest } from '../store/chunk-store.ts';
import { hmac, type SealingKeys } from './data-key.ts';

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const schema = z.object({
  format: z.literal(sealedFormat),
  version: z.literal(1),
  id: z.uuid(),
  name: z.string().min(1).max(4096),
  createdAt: z.iso.datetime(),
  toolVersion: z.string().max(4096),
  sizeBytes: z.int().min(512).multipleOf(512),
  /** The data key that sealed it. */
  keyId: z.string().regex(/^[0-9a-f]{32}$/),
  /** Digests of its chunk lists (crypt/chunk-list.ts), which are plain chunks. */
  chunkLists: z.array(digest).max(2 ** 20),
  /** Nonce (12 bytes), ciphertext, tag (16): the manifest's bytes as one zstd frame. */
  sealed: z.base64().min(40),
  manifestDigest: digest,
});

export type SealedManifest = z.infer<typeof schema>;

const nonceBytes = 12;
const tagBytes = 16;

/** The bytes to store for the image that `manifest` describes, whose chunks are named in `chunkLists`. @throws too-large */
export function sealManifestWith(keys: SealingKeys, manifest: Uint8Array, chunkLists: readonly Digest[]): Buffer {
  const { id, name, createdAt, toolVersion, geometry } = parseManifest(manifest);
  const open = {
    ...{ format: sealedFormat, version: 1, id, name, createdAt, toolVersion },
    ...{ sizeBytes: geometry.sizeBytes, keyId: keys.id, chunkLists: [...chunkLists] },
  };
  const bound = Buffer.from(canonicalJson(open));
  const packed = zstdCompressSync(manifest, { params: { [constants.ZSTD_c_compressionLevel]: 3 } });
  const nonce = hmac(keys.nonces, `manifest ${digestOf(packed)} ${digestOf(bound)}`).subarray(0, nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', hmac(keys.sealing, `manifest ${id}`), nonce);
  cipher.setAAD(bound);
  const sealed = Buffer.concat([nonce, cipher.update(packed), cipher.final(), cipher.getAuthTag()]);
  const bytes = signJson({ ...open, sealed: sealed.toString('base64') });
  if (bytes.length <= maxManifestBytes) return bytes;
  throw new DeployError('too-large', `the sealed manifest of '${name}' has ${bytes.length} bytes`);
}

/** A manifest as a store keeps it, of either kind. Foreign bytes. @throws manifest-corrupt, manifest-version */
export function parseStoredManifest(stored: Uint8Array): Manifest | SealedManifest {
  const raw = readSignedJson(stored);
  return raw.format === sealedFormat ? sealedManifestOf(raw) : manifestOf(raw);
}

export function isSealedManifest(manifest: Manifest | SealedManifest): manifest is SealedManifest {
  return manifest.format === sealedFormat;
}

function sealedManifestOf(raw: SignedJson): SealedManifest {
  const parsed = schema.safeParse(raw);
  if (!parsed.success) throw corrupt(z.prettifyError(parsed.error).slice(0, 500));
  return parsed.data;
}

/**
 * The bytes of the image's own manifest. Whatever the store says of the image is what was sealed with it, or this fails.
 * @throws manifest-corrupt, also for another image's manifest under this name
 */
export function openManifest(keys: SealingKeys, stored: Uint8Array): Buffer {
  const raw = readSignedJson(stored);
  const { id, name, sizeBytes, sealed: text } = sealedManifestOf(raw);
  const { sealed: _, manifestDigest: __, ...open } = raw;
  const sealed = Buffer.from(text, 'base64');
  const nonce = sealed.subarray(0, nonceBytes);
  const key = hmac(keys.sealing, `manifest ${id}`);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes });
  decipher.setAAD(Buffer.from(canonicalJson(open)));
  decipher.setAuthTag(sealed.subarray(-tagBytes));
  const packed = decipher.update(sealed.subarray(nonceBytes, -tagBytes));
  try {
    decipher.final();
    const manifest = zstdDecompressSync(packed, { maxOutputLength: maxManifestBytes });
    const inner = parseManifest(manifest);
    if (inner.id === id && inner.name === name && inner.geometry.sizeBytes === sizeBytes) return manifest;
  } catch (cause) {
    throw corrupt('it is not what its key sealed', cause);
  }
  throw corrupt('it describes another image than it says');
}

/** Opens the manifest if `keys` sealed it; any other is left alone. @throws manifest-corrupt, manifest-version */
export function checkSealedManifest(keys: SealingKeys, stored: Uint8Array): void {
  const manifest = parseStoredManifest(stored);
  if (isSealedManifest(manifest) && manifest.keyId === keys.id) openManifest(keys, stored);
}
