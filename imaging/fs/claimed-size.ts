// How long a file system says it is, sound or not, so that the part of one that lies behind the end of its partition is not taken for free space.
// Layouts: as in the readers (ext-superblock.ts, xfs-superblock.ts, ntfs-boot.ts, exfat-boot.ts, fat-boot.ts, btrfs-superblock.ts, f2fs-superblock.ts).

/** Every superblock looked at lies in the first so many bytes. */
export const claimedHeadBytes = 68 * 1024;

type Claim = { readonly at: number; readonly mark: string; readonly read: (head: Buffer) => number };

const u64 = (head: Buffer, at: number) => Number(head.readBigUInt64LE(at));
const sectorBytes = (head: Buffer) => head.readUInt16LE(0x0b);
const fatBytes = (head: Buffer) => (head.readUInt16LE(0x13) || head.readUInt32LE(0x20)) * sectorBytes(head);

const claims: readonly Claim[] = [
  { at: 1080, mark: '\x53\xef', read: readExt },
  { at: 0, mark: 'XFSB', read: (head) => Number(head.readBigUInt64BE(8)) * head.readUInt32BE(4) },
  // The backup boot sector stands behind what it counts.
  { at: 3, mark: 'NTFS    ', read: (head) => (u64(head, 0x28) + 1) * sectorBytes(head) },
  { at: 3, mark: 'EXFAT   ', read: (head) => u64(head, 72) * 2 ** head.readUInt8(108) },
  { at: 0x36, mark: 'FAT', read: fatBytes },
  { at: 0x52, mark: 'FAT32', read: fatBytes },
  { at: 65536 + 64, mark: '_BHRfS_M', read: (head) => u64(head, 65536 + 0xc9 + 8) },
  { at: 1024, mark: '\x10\x20\xf5\xf2', read: (head) => u64(head, 1024 + 36) * 4096 },
];

function readExt(head: Buffer): number {
  const is64Bit = (head.readUInt32LE(1024 + 0x60) & 0x80) !== 0;
  const blocks = head.readUInt32LE(1024 + 4) + (is64Bit ? head.readUInt32LE(1024 + 0x150) * 2 ** 32 : 0);
  return blocks * 2 ** (10 + head.readUInt8(1024 + 0x18));
}

/** The longest length in bytes that any known file system in `head`, the start of a partition, claims; 0 where there is none. */
export function claimedBytes(head: Buffer): number {
  const whole = Buffer.alloc(claimedHeadBytes);
  head.copy(whole);
  const found = claims.filter(({ at, mark }) => whole.toString('latin1', at, at + mark.length) === mark);
  return Math.max(0, ...found.map(({ read }) => read(whole)));
}
