// The outside of a manifest, plain or sealed: canonical JSON with a format, a version and a digest over all of it.
import { DeployError } from '../../protocol/errors.ts';
import { digestOf } from '../chunk/digest.ts';
import type { Digest } from '../store/chunk-store.ts';
import { canonicalJson, type Json } from './canonical-json.ts';

export const maxManifestBytes = 64 * 2 ** 20;
export const plainFormat = 'deploy-os-image';
export const sealedFormat = 'deploy-os-image-encrypted';

/** 2: an image with patches, which version 1 cannot read. */
const knownVersions: Readonly<Record<string, readonly unknown[]>> = { [plainFormat]: [1, 2], [sealedFormat]: [1] };

export type SignedJson = { readonly [key: string]: Json };

/** `unsigned` with its digest, as bytes to store. */
export function signJson(unsigned: SignedJson): Buffer {
  const manifestDigest = digestOf(Buffer.from(canonicalJson(unsigned)));
  return Buffer.from(`${canonicalJson({ ...unsigned, manifestDigest })}\n`);
}

/**
 * Foreign bytes as an object of a known format and version that is what its digest says. Nothing else of it is checked.
 * @throws manifest-corrupt, manifest-version
 */
export function readSignedJson(stored: Uint8Array): SignedJson {
  if (stored.length > maxManifestBytes) throw corrupt(`it is ${stored.length} bytes long`);
  const raw = parseObject(stored);
  const format = typeof raw.format === 'string' ? raw.format : '';
  const known = Object.hasOwn(knownVersions, format) ? knownVersions[format] : undefined;
  if (known === undefined) throw corrupt('it does not say that it is one');
  if (!known.includes(raw.version)) {
    throw new DeployError(
      'manifest-version',
      `the manifest has version ${JSON.stringify(raw.version)}, known: ${known}`,
      {
        hint: 'The image was made by a newer Deploy-OS; use that one.',
      },
    );
  }
  const { manifestDigest, ...signed } = raw;
  if (digestOfJson(signed) !== manifestDigest) throw corrupt('it does not match its digest');
  return raw;
}

function digestOfJson(foreign: SignedJson): Digest {
  try {
    return digestOf(Buffer.from(canonicalJson(foreign)));
  } catch (cause) {
    throw corrupt('it is nested too deep', cause);
  }
}

function parseObject(stored: Uint8Array): { [key: string]: Json } {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(stored));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as { [key: string]: Json };
  } catch (cause) {
    throw corrupt('it is not JSON', cause);
  }
  throw corrupt('it is not a JSON object');
}

export function corrupt(why: string, cause?: unknown): DeployError {
  return new DeployError('manifest-corrupt', `the manifest is damaged: ${why}`, {
    cause,
    hint: 'Nothing was written. Restore the store from its backup, or capture the image again.',
  });
}
