// The four checksums of Btrfs over superblocks and tree nodes: everything behind the 32 bytes in which the checksum itself stands.
// Types: Linux include/uapi/linux/btrfs_tree.h, enum btrfs_csum_type.
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { crc32c } from './crc.ts';
import { xxhash64 } from './xxhash64.ts';

type Blake2Params = { hashLength(length: number): void };
type Blake2 = { update(bytes: Uint8Array): Blake2; digestBuffer(): Buffer };
type Native = { Blake2BParam: new () => Blake2Params; Blake2BHasher: { withParams(params: Blake2Params): Blake2 } };

// The package's own loader runs `ldd` to tell glibc from musl, which the Deploy-OS does not have.
const native = createRequire(import.meta.url)(`@napi-rs/blake-hash-linux-${process.arch}-gnu`) as Native;

const checksumBytes = 32;

/** By type number: whether the checksum at the head of `block` is that of the rest. */
const checks: readonly ((stored: Buffer, rest: Buffer) => boolean)[] = [
  (stored, rest) => ~crc32c(0xffffffff, rest) >>> 0 === stored.readUInt32LE(0),
  (stored, rest) => xxhash64(rest) === stored.readBigUInt64LE(0),
  (stored, rest) => createHash('sha256').update(rest).digest().equals(stored),
  (stored, rest) => blake2b256(rest).equals(stored),
];

export function knowsChecksum(type: number): boolean {
  return type < checks.length;
}

/** Whether `block` (a superblock, a node) is what it was when it was written. */
export function checksumHolds(type: number, block: Buffer): boolean {
  return checks[type]?.(block.subarray(0, checksumBytes), block.subarray(checksumBytes)) ?? false;
}

function blake2b256(bytes: Buffer): Buffer {
  const params = new native.Blake2BParam();
  params.hashLength(checksumBytes);
  return native.Blake2BHasher.withParams(params).update(bytes).digestBuffer();
}
