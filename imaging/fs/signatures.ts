// Names file systems and containers that no reader maps, by the marks that blkid and the kernel know them by.
import type { ByteReader } from '../blockdev/byte-reader.ts';

export type Signature = { readonly name: string; readonly uuid: string | null; readonly label: string | null };

type Mark = {
  readonly name: string;
  readonly at: number;
  readonly bytes: string;
  /** Further conditions on the head of the device, where the mark alone is too weak. */
  readonly holds?: (head: Buffer) => boolean;
  readonly uuid?: (head: Buffer) => string;
  readonly label?: (head: Buffer) => string;
};

/** Most marks lie below this offset; `holds`, `uuid` and `label` see no more. */
const headBytes = 68 * 1024;

const text = (head: Buffer, from: number, to: number) =>
  (head.toString('latin1', from, to).split('\0')[0] ?? '').trim();

/** Sixteen bytes in the usual notation, in the order they are stored. */
export function formatUuid(head: Buffer, at: number): string {
  return head.toString('hex', at, at + 16).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

const marks: readonly Mark[] = [
  { name: 'BitLocker', at: 3, bytes: '-FVE-FS-' },
  // BitLocker To Go: a FAT to look at, and the volume behind it (Microsoft's identifier of such a volume, at 424).
  { name: 'BitLocker', at: 424, bytes: '\x3b\xd6\x67\x49\x29\x2e\xd8\x4a\x83\x99\xf6\xa3\x39\xe3\xd0\x01' },
  { name: 'ReFS', at: 3, bytes: 'ReFS\0' },
  { name: 'xfs', at: 0, bytes: 'XFSB', uuid: (head) => formatUuid(head, 32), label: (head) => text(head, 108, 120) },
  { name: 'crypto_LUKS', at: 0, bytes: 'LUKS\xba\xbe', uuid: (head) => text(head, 168, 208) },
  ...[0, 512, 1024, 1536].map((at) => ({ name: 'LVM2_member', at, bytes: 'LABELONE' })),
  { name: 'linux_raid_member', at: 0, bytes: '\xfc\x4e\x2b\xa9' },
  { name: 'linux_raid_member', at: 4096, bytes: '\xfc\x4e\x2b\xa9' },
  { name: 'iso9660', at: 32769, bytes: 'CD001', label: (head) => text(head, 32808, 32840) },
  { name: 'f2fs', at: 1024, bytes: '\x10\x20\xf5\xf2', uuid: (head) => formatUuid(head, 1132) },
  { name: 'squashfs', at: 0, bytes: 'hsqs' },
  { name: 'erofs', at: 1024, bytes: '\xe2\xe1\xf5\xe0' },
  ...[65588, 8212].map((at) => ({
    ...{ name: 'reiserfs', at, bytes: 'ReIsEr' },
    uuid: (head: Buffer) => formatUuid(head, 65620),
    label: (head: Buffer) => text(head, 65636, 65652),
  })),
  { name: 'reiser4', at: 65536, bytes: 'ReIsEr4', uuid: (head) => formatUuid(head, 65556) },
  {
    ...{ name: 'jfs', at: 32768, bytes: 'JFS1' },
    uuid: (head) => formatUuid(head, 32904),
    label: (head) => text(head, 32920, 32936),
  },
  // Two letters are little; Apple TN1150: version 4 is HFS+, 5 is HFSX. HFS of old has the size of its blocks, n × 512, at 20.
  { name: 'hfsplus', at: 1024, bytes: 'H+', holds: (head) => head.readUInt16BE(1026) === 4 },
  { name: 'hfsplus', at: 1024, bytes: 'HX', holds: (head) => head.readUInt16BE(1026) === 5 },
  {
    ...{ name: 'hfs', at: 1024, bytes: 'BD' },
    holds: (head) => head.readUInt32BE(1044) > 0 && head.readUInt32BE(1044) % 512 === 0,
  },
  { name: 'apfs', at: 32, bytes: 'NXSB', uuid: (head) => formatUuid(head, 72) },
  {
    ...{ name: 'nilfs2', at: 1030, bytes: '44' },
    holds: (head) => head.readUInt32LE(1024) === 2 && head.readUInt16LE(1032) <= 1024,
    uuid: (head) => formatUuid(head, 1176),
    label: (head) => text(head, 1192, 1272),
  },
  { name: 'udf', at: 32769, bytes: 'BEA01' },
  // FreeBSD sys/ufs/ffs/fs.h: the four places of a superblock; its magic is its last word. Either byte order.
  ...[0, 8192, 65536, 262144].flatMap((at) =>
    ['\x54\x19\x01\x00', '\x00\x01\x19\x54', '\x19\x01\x54\x19', '\x19\x54\x01\x19'].map((bytes) => ({
      ...{ name: 'ufs', at: at + 1372, bytes },
    })),
  ),
  // Linux fs/ocfs2/ocfs2_fs.h: the superblock is block 2, of 512 to 4096 bytes.
  ...[1024, 2048, 4096, 8192].map((at) => ({
    ...{ name: 'ocfs2', at, bytes: 'OCFSV2' },
    uuid: (head: Buffer) => formatUuid(head, at + 336),
    label: (head: Buffer) => text(head, at + 272, at + 336),
  })),
  {
    // Linux include/uapi/linux/gfs2_ondisk.h: magic, and type 1 for a superblock. Its label is the cluster and its name in that.
    ...{ name: 'gfs2', at: 65536, bytes: '\x01\x16\x19\x70' },
    holds: (head) => head.readUInt32BE(65540) === 1,
    uuid: (head) => formatUuid(head, 65792),
    label: (head) => text(head, 65696, 65760),
  },
  { name: 'bcache', at: 4120, bytes: '\xc6\x85\x73\xf6\x4e\x1a\x45\xca' },
  { name: 'VMFS_volume_member', at: 2 ** 20, bytes: '\x0d\xd0\x01\xc0' },
  { name: 'VMFS', at: 2 ** 21, bytes: '\x5e\xf1\xab\x2f' },
];

/** Every known signature in `bytes`, most telling first; more than one means that something stale is left. */
export async function findSignatures(bytes: ByteReader): Promise<Signature[]> {
  const head = Buffer.alloc(headBytes);
  (await bytes.read(0, Math.min(bytes.sizeBytes, headBytes))).copy(head);
  const found: Signature[] = [];
  for (const mark of marks) {
    if (!(await isThere(bytes, head, mark)) || mark.holds?.(head) === false) continue;
    found.push({ name: mark.name, uuid: mark.uuid?.(head) || null, label: mark.label?.(head) || null });
  }
  return found;
}

async function isThere(bytes: ByteReader, head: Buffer, { at, bytes: mark }: Mark): Promise<boolean> {
  if (at + mark.length <= headBytes) return head.toString('latin1', at, at + mark.length) === mark;
  if (at + mark.length > bytes.sizeBytes) return false;
  return (await bytes.read(at, mark.length)).toString('latin1') === mark;
}
