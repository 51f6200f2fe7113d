// A FAT in sectors of another size: its FATs and clusters stay where they are, byte for byte; boot sector, FSInfo and their backups are
// made anew in such sectors. Linux reads no FAT whose sectors are smaller than the disk's.
// Layout: Microsoft's fatgen103, "Boot Sector and BPB", "FAT32 FSInfo Sector Structure and Backup Boot Sector".
import { toDeployError } from '../../protocol/errors.ts';
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { type FatGeometry, isFat, readFatGeometry } from '../fs/fat-boot.ts';
import type { Patch } from '../partition/table-change.ts';
import { moveHiddenSectors } from './hidden-sectors.ts';

/** Where the partition starts on its old disk and on its new one, and the sectors there. */
export type FatMove = {
  readonly oldStartBytes: number;
  readonly startBytes: number;
  readonly sectorSizeBytes: number;
};

const headBytes = 512;
const maxShort = 0xffff;

/**
 * Patches, relative to the partition, that make it a FAT in sectors of `sectorSizeBytes`, or in words why there are none.
 * @throws what reading throws
 */
export async function convertFat(bytes: ByteReader, move: FatMove): Promise<Patch[] | string> {
  const head = bytes.sizeBytes < headBytes ? Buffer.alloc(headBytes) : await bytes.read(0, headBytes);
  if (!isFat(head)) return 'there is no FAT in it';
  const old = geometryOf(head, bytes.sizeBytes);
  if (typeof old === 'string') return old;
  const { oldStartBytes, startBytes, sectorSizeBytes } = move;
  if (old.sectorBytes === sectorSizeBytes) return await moveHiddenSectors('vfat', bytes, oldStartBytes, startBytes);
  const why = whyNotAligned(head, old, sectorSizeBytes);
  if (why !== null) return why;
  const boot = makeBootSector(head, old, move);
  const now = geometryOf(boot, bytes.sizeBytes);
  if (typeof now === 'string' || !isSame(old, now)) return 'its FAT would not be the same in such sectors';
  const places = old.bits === 32 ? backupsOf(boot) : { info: [], boot: [0] };
  const info = await readInfo(bytes, head, old);
  const inSector = (content: Buffer, sector: number): Patch => {
    const whole = Buffer.alloc(sectorSizeBytes);
    content.copy(whole);
    return { offsetBytes: sector * sectorSizeBytes, bytes: whole };
  };
  return [...places.boot.map((at) => inSector(boot, at)), ...places.info.map((at) => inSector(info, at))];
}

function geometryOf(head: Buffer, sizeBytes: number): FatGeometry | string {
  try {
    return readFatGeometry(head, sizeBytes);
  } catch (thrown) {
    return `its FAT is damaged: ${toDeployError(thrown).message}`;
  }
}

const clusterBytesOf = ({ sectorsPerCluster, sectorBytes }: FatGeometry) => sectorsPerCluster * sectorBytes;
const dataAtBytesOf = ({ dataSector, sectorBytes }: FatGeometry) => dataSector * sectorBytes;
const rootBytesOf = ({ rootEntries }: FatGeometry, sectorBytes: number) =>
  Math.ceil((rootEntries * 32) / sectorBytes) * sectorBytes;

/** Everything but the boot sector has to start where it is and end there, in whole sectors. */
function whyNotAligned(head: Buffer, old: FatGeometry, sectorBytes: number): string | null {
  const clusterBytes = clusterBytesOf(old);
  if (clusterBytes < sectorBytes) return `its FAT has clusters of ${clusterBytes} bytes`;
  if (clusterBytes / sectorBytes > 128)
    return `its FAT has clusters of ${clusterBytes} bytes, too many of such sectors`;
  const { fatAtBytes, fatBytes } = old;
  const isOdd = [fatAtBytes, fatBytes, dataAtBytesOf(old)].some((place) => place % sectorBytes !== 0);
  if (isOdd || rootBytesOf(old, old.sectorBytes) !== rootBytesOf(old, sectorBytes))
    return 'the parts of its FAT do not start and end between two such sectors';
  const reserved = fatAtBytes / sectorBytes;
  if (old.bits === 32 && reserved < 3) return 'its FAT has no room for its boot sector, FSInfo and a backup';
  const tooLong = reserved > maxShort || (old.bits !== 32 && fatBytes / sectorBytes > maxShort);
  return tooLong || countSectors(head, old, sectorBytes) > 0xffff_ffff ? 'its FAT is too long for such sectors' : null;
}

function countSectors(head: Buffer, { sectorBytes: old }: FatGeometry, sectorBytes: number): number {
  return Math.floor(((head.readUInt16LE(19) || head.readUInt32LE(32)) * old) / sectorBytes);
}

function makeBootSector(
  head: Buffer,
  old: FatGeometry,
  { oldStartBytes, startBytes, sectorSizeBytes }: FatMove,
): Buffer {
  const boot = Buffer.from(head);
  const reserved = old.fatAtBytes / sectorSizeBytes;
  const fatSectors = old.fatBytes / sectorSizeBytes;
  const count = countSectors(head, old, sectorSizeBytes);
  const isShort = old.bits !== 32 && count <= maxShort;
  boot.writeUInt16LE(sectorSizeBytes, 11);
  boot.writeUInt8(clusterBytesOf(old) / sectorSizeBytes, 13);
  boot.writeUInt16LE(reserved, 14);
  boot.writeUInt16LE(isShort ? count : 0, 19);
  boot.writeUInt32LE(isShort ? 0 : count, 32);
  // A file system made on a bare device has another idea of where it starts, and is left alone.
  if (head.readUInt32LE(28) === (oldStartBytes / old.sectorBytes) % 2 ** 32)
    boot.writeUInt32LE((startBytes / sectorSizeBytes) % 2 ** 32, 28);
  if (old.bits !== 32) {
    boot.writeUInt16LE(fatSectors, 22);
    return boot;
  }
  boot.writeUInt32LE(fatSectors, 36);
  boot.writeUInt16LE(1, 48);
  // 6 is where all look; where there is no room it is named here.
  boot.writeUInt16LE(reserved > 6 ? 6 : 2, 50);
  return boot;
}

/** The sectors of a FAT32 that hold the boot sector and FSInfo; the copy of the latter stands behind the copy of the former. */
function backupsOf(boot: Buffer): { readonly boot: readonly number[]; readonly info: readonly number[] } {
  const backup = boot.readUInt16LE(50);
  return { boot: [0, backup], info: backup + 1 < boot.readUInt16LE(14) ? [1, backup + 1] : [1] };
}

/** As it is; where it is none, one that knows nothing: the count of free clusters is a hint. */
async function readInfo(bytes: ByteReader, head: Buffer, old: FatGeometry): Promise<Buffer> {
  const at = head.readUInt16LE(48) * old.sectorBytes;
  if (old.bits === 32 && at > 0 && at + headBytes <= old.fatAtBytes) {
    const found = await bytes.read(at, headBytes);
    if (found.toString('latin1', 0, 4) === 'RRaA' && found.toString('latin1', 484, 488) === 'rrAa') return found;
  }
  const info = Buffer.alloc(headBytes);
  info.write('RRaA', 0, 'latin1');
  info.write('rrAa', 484, 'latin1');
  info.fill(0xff, 488, 496);
  info.writeUInt32LE(0xaa55_0000, 508);
  return info;
}

function isSame(old: FatGeometry, now: FatGeometry): boolean {
  const places = ({ bits, fatAtBytes, fatBytes, clusterCount, rootCluster, rootEntries, fatNumbers }: FatGeometry) =>
    JSON.stringify([bits, fatAtBytes, fatBytes, clusterCount, rootCluster, rootEntries, fatNumbers]);
  const data = (fat: FatGeometry) => JSON.stringify([dataAtBytesOf(fat), clusterBytesOf(fat)]);
  return places(old) === places(now) && data(old) === data(now);
}
