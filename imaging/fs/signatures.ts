// Names file systems and containers that no reader maps, by the marks that blkid and the kernel know them by.
import type { ByteReader } from '../blockdev/byte-reader.ts';

export type Signature = { readonly name: string; readonly uuid: string | null; readonly label: string | null };

type Mark = {
  readonly name: string;
  readonly at: number;
  readonly bytes: string;
  readonly uuid?: (head: Buffer) => string;
  readonly label?: (head: Buffer) => string;
};

/** All marks lie below this offset. */
const headBytes = 68 * 1024;

const text = (head: Buffer, from: number, to: number) =>
  (head.toString('latin1', from, to).split('\0')[0] ?? '').trim();

/** Sixteen bytes in the usual notation, in the order they are stored. */
export function formatUuid(head: Buffer, at: number): string {
  return head.toString('hex', at, at + 16).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

const marks: readonly Mark[] = [
  { name: 'BitLocker', at: 3, bytes: '-FVE-FS-' },
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
  { name: 'reiserfs', at: 65588, bytes: 'ReIsEr' },
  { name: 'jfs', at: 32768, bytes: 'JFS1' },
  { name: 'hfsplus', at: 1024, bytes: 'H+' },
  { name: 'apfs', at: 32, bytes: 'NXSB' },
  { name: 'nilfs2', at: 1030, bytes: '\x34\x34' },
  { name: 'bcache', at: 4120, bytes: '\xc6\x85\x73\xf6\x4e\x1a\x45\xca' },
  { name: 'VMFS', at: 0, bytes: 'COWD' },
];

/** Every known signature at the head of `bytes`, most telling first; more than one means that something stale is left. */
export async function findSignatures(bytes: ByteReader): Promise<Signature[]> {
  const head = Buffer.alloc(headBytes);
  (await bytes.read(0, Math.min(bytes.sizeBytes, headBytes))).copy(head);
  return marks
    .filter((mark) => head.toString('latin1', mark.at, mark.at + mark.bytes.length) === mark.bytes)
    .map((mark) => ({ name: mark.name, uuid: mark.uuid?.(head) || null, label: mark.label?.(head) || null }));
}
