// Where on a medium the partition with deploy-os.conf lies, if it is one that `deploy-os build` has made and nobody has laid out anew.
import type { ByteReader } from '../../imaging/blockdev/byte-reader.ts';
import { hasParameterBlock } from '../../imaging/fs/boot-sector.ts';
import { readTable } from '../../imaging/partition/read-table.ts';

export type SettingsPlace = { readonly startBytes: number; readonly sizeBytes: number };

/** What initramfs/stages/boot-iso.ts and settings-image.ts make: the third partition, of Microsoft's basic data, with a FAT12 of 1.44 MB. */
export const settingsPartition = 3;
const partitionType = 'ebd0a0a2-b9e5-4433-87c0-68b6b72699c7';
const sectors = 2880;
const serialNumber = 0x44455053;
const label = 'SETTINGS';

/** ECMA-119, 8.4.27: the volume's modification date, 16 digits; GRUB makes the medium's id of it (grub-core/fs/iso9660.c, grub_iso9660_uuid). */
const descriptorBytes = 32768;
const dateBytes = 830;

/** Null for anything else; `mediumId` is what the boot loader has read on the medium that it came from. */
export async function findSettingsPlace(disk: ByteReader, mediumId: string): Promise<SettingsPlace | null> {
  const descriptor = await disk.read(descriptorBytes, 2048);
  if (descriptor.toString('latin1', 0, 6) !== '\x01CD001') return null;
  const digits = descriptor.toString('latin1', dateBytes, dateBytes + 16);
  if (digits !== mediumId.replaceAll('-', '')) return null;
  const found = await readTable(disk);
  if (found.kind !== 'table' || found.table.type !== 'gpt') return null;
  const partition = found.table.partitions.find(({ number }) => number === settingsPartition);
  if (partition?.type !== partitionType || partition.sizeBytes !== sectors * 512) return null;
  const { startBytes, sizeBytes } = partition;
  return isSettingsVolume(await disk.read(startBytes, 512)) ? { startBytes, sizeBytes } : null;
}

/** ECMA-107, 9.1 to 9.3: the boot sector as it was made. */
function isSettingsVolume(sector: Buffer): boolean {
  return (
    hasParameterBlock(sector) &&
    sector.readUInt16LE(11) === 512 &&
    sector.readUInt16LE(19) === sectors &&
    sector.readUInt32LE(39) === serialNumber &&
    sector.toString('latin1', 43, 54).trimEnd() === label &&
    sector.toString('latin1', 54, 62) === 'FAT12   '
  );
}
