// The place of a partition that NTFS and FAT keep in their boot sectors ("hidden sectors"): BIOS boot code goes by it, so it moves with the partition.
// Layout: BIOS parameter block, offset 0x1c; a backup in NTFS's last sector, and where FAT32 says (offset 0x32).
import type { ByteReader } from '../blockdev/byte-reader.ts';
import type { Patch } from '../partition/table-change.ts';

const field = 0x1c;

/**
 * Patches, relative to the partition, that tell its file system that it now starts at `startBytes`. None where it does not say
 * where it was: a file system made on a bare device has other ideas, and is left alone.
 */
export async function moveHiddenSectors(
  fileSystem: string | null,
  partition: ByteReader,
  oldStartBytes: number,
  startBytes: number,
): Promise<Patch[]> {
  if (oldStartBytes === startBytes || (fileSystem !== 'ntfs' && fileSystem !== 'vfat')) return [];
  const boot = await partition.read(0, 512);
  const sector = boot.readUInt16LE(0x0b);
  const backup = fileSystem === 'ntfs' ? partition.sizeBytes / sector - 1 : boot.readUInt16LE(0x32);
  const hasBackup = fileSystem === 'ntfs' || (boot.readUInt16LE(0x16) === 0 && backup > 0 && backup < 32);
  const value = Buffer.alloc(4);
  value.writeUInt32LE((startBytes / sector) % 2 ** 32);
  const patches: Patch[] = [];
  for (const at of hasBackup ? [0, backup * sector] : [0]) {
    if (at + 512 > partition.sizeBytes) continue;
    const found = await partition.read(at, 512);
    if (found.readUInt16LE(510) !== 0xaa55 || found.readUInt32LE(field) !== (oldStartBytes / sector) % 2 ** 32)
      continue;
    patches.push({ offsetBytes: at + field, bytes: value });
  }
  return patches;
}
