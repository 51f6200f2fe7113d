// Tells a member of an array, and a physical volume, by the marks at its two ends.
import { readTable } from '../partition/read-table.ts';
import type { ByteReader } from './byte-reader.ts';
import { findFirmwareRaid, type Member } from './firmware-raid.ts';

const mdMagic = 0xa92b4efc;
const lvmMember = { fileSystem: 'LVM2_member', array: 'an LVM volume group' };

/** What `bytes` is a member of, in a person's words, or null. @throws DeployError source-read, source-vanished */
export async function findMembership(bytes: ByteReader): Promise<string | null> {
  const found = await findArray(bytes);
  if (found !== null || bytes.sizeBytes < leastBytes) return found?.array ?? null;
  return hasLvmLabel(await bytes.read(0, 2048)) ? lvmMember.array : null;
}

const leastBytes = 256 * 1024;

/**
 * The array whose member `bytes` is: its content makes sense only together with others, or beside metadata that file
 * systems know nothing of. Not LVM, whose members have a reader. @throws DeployError source-read, source-vanished
 */
export async function findArray(bytes: ByteReader): Promise<Member | null> {
  if (bytes.sizeBytes < leastBytes) return null;
  const head = await bytes.read(0, 8192);
  return (await findMd(bytes, head)) ?? (await findFirmwareRaid(bytes, head)) ?? (await findZfs(bytes));
}

function mdMember(version: string): Member {
  return { fileSystem: 'linux_raid_member', array: `a Linux md array (metadata ${version})` };
}

/** Linux md, all four places of its superblock (md(4); Linux include/uapi/linux/raid/md_p.h). */
async function findMd(bytes: ByteReader, head: Buffer): Promise<Member | null> {
  if (head.readUInt32LE(0) === mdMagic) return mdMember('1.1');
  if (head.readUInt32LE(4096) === mdMagic) return mdMember('1.2');
  const sectors = Math.floor(bytes.sizeBytes / 512);
  const at10 = Math.floor((sectors - 16) / 8) * 8;
  const block10 = await bytes.read(at10 * 512, 512);
  // Version 1.0 records its own sector: one that belongs to the last partition, and not to the disk, says another.
  if (block10.readUInt32LE(0) === mdMagic && block10.readBigUInt64LE(144) === BigInt(at10)) return mdMember('1.0');
  const at90 = Math.floor(bytes.sizeBytes / 65536) * 65536 - 65536;
  const block90 = await bytes.read(at90, 512);
  const found90 = block90.readUInt32LE(0) === mdMagic || block90.readUInt32BE(0) === mdMagic;
  return found90 && !(await isInPartition(bytes, at90)) ? mdMember('0.90') : null;
}

/** Version 0.90 does not record its place: in the last partition it can be where the disk's own would be. */
async function isInPartition(bytes: ByteReader, atBytes: number): Promise<boolean> {
  const found = await readTable(bytes);
  if (found.kind !== 'table') return false;
  return found.table.partitions.some(
    ({ startBytes, sizeBytes }) => startBytes <= atBytes && atBytes < startBytes + sizeBytes,
  );
}

/** An LVM2 label lies in one of the first four sectors. */
function hasLvmLabel(head: Buffer): boolean {
  return [0, 512, 1024, 1536].some(
    (at) =>
      head.toString('latin1', at, at + 8) === 'LABELONE' && head.toString('latin1', at + 24, at + 32) === 'LVM2 001',
  );
}

/** The newest uberblock of a vdev label: its ring starts at 128 KiB, one a KiB or more (ZFS on-disk specification, 1.3). */
async function findZfs(bytes: ByteReader): Promise<Member | null> {
  const ring = await bytes.read(128 * 1024, 128 * 1024);
  for (let at = 0; at < ring.length; at += 1024) {
    if (ring.readUInt32LE(at) === 0x00bab10c && ring.readUInt32LE(at + 4) === 0)
      return { fileSystem: 'zfs_member', array: 'a ZFS pool' };
  }
  return null;
}
