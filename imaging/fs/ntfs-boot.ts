// The boot sector of NTFS, checked field by field before anything rests on it.
// Layout: Linux-NTFS documentation, "$Boot"; ntfs-3g include/ntfs-3g/layout.h (NTFS_BOOT_SECTOR).
import { hasParameterBlock } from './boot-sector.ts';
import { corrupt } from './distrust.ts';

export type NtfsGeometry = {
  readonly sectorBytes: number;
  readonly clusterBytes: number;
  /** Whole clusters; the sectors behind the last one, with the backup of the boot sector, belong to none. */
  readonly clusterCount: number;
  /** Size of a record of the master file table (MFT). */
  readonly recordBytes: number;
  readonly mftCluster: number;
  /** Where the copy of the first records lies. */
  readonly mirrorCluster: number;
};

export function isNtfs(head: Buffer): boolean {
  return head.toString('latin1', 3, 11) === 'NTFS    ' && hasParameterBlock(head);
}

/** The geometry of an NTFS in `sizeBytes` bytes. @throws DeployError file-system-corrupt when it cannot be one */
export function readNtfsGeometry(head: Buffer, sizeBytes: number): NtfsGeometry {
  const sectorBytes = head.readUInt16LE(11);
  const perCluster = decodeSectorsPerCluster(head.readUInt8(13));
  const clusterBytes = sectorBytes * perCluster;
  const sectorCount = Number(head.readBigUInt64LE(40));
  const clusterCount = Math.floor(sectorCount / perCluster);
  // What a FAT would keep here is zero in an NTFS.
  const zeros = [head.readUInt16LE(14), head[16], head.readUInt16LE(17), head.readUInt16LE(19), head.readUInt16LE(22)];
  if (zeros.some((value) => value !== 0)) throw corrupt('its boot sector is also that of another file system');
  if (clusterBytes > 2 ** 21) throw corrupt(`clusters of ${clusterBytes} bytes are unknown`);
  if (clusterCount === 0) throw corrupt('its layout is impossible');
  if (sectorCount * sectorBytes > sizeBytes) throw corrupt('it is larger than its partition');
  const recordBytes = decodeRecordBytes(head.readInt8(64), clusterBytes);
  if (![512, 1024, 2048, 4096].includes(recordBytes)) throw corrupt(`file records of ${recordBytes} bytes are unknown`);
  const mftCluster = Number(head.readBigUInt64LE(48));
  const mirrorCluster = Number(head.readBigUInt64LE(56));
  if (Math.max(mftCluster, mirrorCluster) >= clusterCount) throw corrupt('its MFT lies outside the file system');
  return { sectorBytes, clusterBytes, clusterCount, recordBytes, mftCluster, mirrorCluster };
}

/** Up to 128 as it is; beyond, a power of two, stored as its negated exponent (clusters of more than 64 KiB, since Windows 10). */
function decodeSectorsPerCluster(stored: number): number {
  const sectors = stored > 0x80 ? 2 ** (256 - stored) : stored;
  if (sectors === 0 || !Number.isInteger(Math.log2(sectors))) throw corrupt('its cluster size is impossible');
  return sectors;
}

/** In clusters, or where a record is smaller than one, the negated exponent of its size in bytes. */
function decodeRecordBytes(stored: number, clusterBytes: number): number {
  return stored > 0 ? stored * clusterBytes : 2 ** -stored;
}
