// The name of every chunk: BLAKE3-256 of its uncompressed bytes. Used by workers, manifests and stores alike.
import { createRequire } from 'node:module';
import type { Digest } from '../store/chunk-store.ts';

type Hasher = { update(bytes: Uint8Array): Hasher; digest(format: 'hex'): string };
type Native = { blake3(bytes: Uint8Array): Buffer; Blake3Hasher: new () => Hasher };

// The package's own loader runs `ldd` to tell glibc from musl, which the Deploy-OS does not have.
const native = createRequire(import.meta.url)(`@napi-rs/blake-hash-linux-${process.arch}-gnu`) as Native;

/** BLAKE3-256 as 64 lower-case hex digits. */
export function digestOf(bytes: Uint8Array): Digest {
  return native.blake3(bytes).toString('hex');
}

const digestPattern = /^[0-9a-f]{64}$/;

export function isDigest(text: string): boolean {
  return digestPattern.test(text);
}
