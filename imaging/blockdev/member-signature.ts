// Tells a member of an array, and a physical volume, by the marks at its two ends.
import type { ByteReader } from './byte-reader.ts';

const mdMagic = 0xa92b4efc;

/** What `bytes` is a member of, in a person's words, or null. @throws DeployError source-read, source-vanished */
export async function findMembership(bytes: ByteReader): Promise<string | null> {
  if (bytes.sizeBytes < 256 * 1024) return null;
  const head = await bytes.read(0, 8192);
  return (await findMd(bytes, head)) ?? findLvm(head) ?? (await findFirmwareRaid(bytes)) ?? (await findZfs(bytes));
}

/** Linux md, all four places of its superblock (md(4); Linux include/uapi/linux/raid/md_p.h). */
async function findMd(bytes: ByteReader, head: Buffer): Promise<string | null> {
  if (head.readUInt32LE(0) === mdMagic) return 'a Linux md array (metadata 1.1)';
  if (head.readUInt32LE(4096) === mdMagic) return 'a Linux md array (metadata 1.2)';
  const sectors = Math.floor(bytes.sizeBytes / 512);
  const at10 = Math.floor((sectors - 16) / 8) * 8;
  const block10 = await bytes.read(at10 * 512, 512);
  // Version 1.0 records its own sector: one that belongs to the last partition, and not to the disk, says another.
  if (block10.readUInt32LE(0) === mdMagic && block10.readBigUInt64LE(144) === BigInt(at10))
    return 'a Linux md array (metadata 1.0)';
  const at90 = Math.floor(bytes.sizeBytes / 65536) * 65536 - 65536;
  const block90 = await bytes.read(at90, 512);
  const found90 = block90.readUInt32LE(0) === mdMagic || block90.readUInt32BE(0) === mdMagic;
  return found90 ? 'a Linux md array (metadata 0.90)' : null;
}

/** An LVM2 label lies in one of the first four sectors. */
function findLvm(head: Buffer): string | null {
  const found = [0, 512, 1024, 1536].some(
    (at) =>
      head.toString('latin1', at, at + 8) === 'LABELONE' && head.toString('latin1', at + 24, at + 32) === 'LVM2 001',
  );
  return found ? 'an LVM volume group' : null;
}

/** Intel's firmware RAID has its anchor in the last sector but one, SNIA DDF in the last (Common RAID Disk Data Format 2.0, 4.2). */
async function findFirmwareRaid(bytes: ByteReader): Promise<string | null> {
  const sectorBytes = bytes.sectorSizeBytes;
  const tail = await bytes.read(bytes.sizeBytes - 2 * sectorBytes, 2 * sectorBytes);
  if (tail.toString('latin1', 0, 24).startsWith('Intel Raid ISM Cfg Sig.')) return 'a firmware RAID (Intel, IMSM)';
  return tail.readUInt32BE(sectorBytes) === 0xde11de11 ? 'a firmware RAID (DDF)' : null;
}

/** The newest uberblock of a vdev label: its ring starts at 128 KiB, one a KiB or more (ZFS on-disk specification, 1.3). */
async function findZfs(bytes: ByteReader): Promise<string | null> {
  const ring = await bytes.read(128 * 1024, 128 * 1024);
  for (let at = 0; at < ring.length; at += 1024) {
    if (ring.readUInt32LE(at) === 0x00bab10c && ring.readUInt32LE(at + 4) === 0) return 'a ZFS pool';
  }
  return null;
}
