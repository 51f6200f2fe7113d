// The boot sector of FAT12, FAT16 and FAT32, checked field by field before anything rests on it.
// Layout: Microsoft Extensible Firmware Initiative FAT32 File System Specification (fatgen103), "Boot Sector and BPB"; ECMA-107.
import { hasParameterBlock } from './boot-sector.ts';
import { corrupt } from './distrust.ts';

export type FatGeometry = {
  readonly bits: 12 | 16 | 32;
  readonly sectorBytes: number;
  readonly sectorsPerCluster: number;
  /** Where the first FAT starts: the end of the reserved area with boot sector, FSInfo and their backup. */
  readonly fatAtBytes: number;
  readonly fatBytes: number;
  /** The FATs to read: all that must agree, or with mirroring switched off (FAT32) the one in force. */
  readonly fatNumbers: readonly number[];
  /** First sector of cluster 2; boot sector, FATs and the root directory of FAT12 and FAT16 lie before it. */
  readonly dataSector: number;
  readonly clusterCount: number;
  /** Root directory: its first cluster on FAT32, else null. */
  readonly rootCluster: number | null;
  readonly rootEntries: number;
  readonly media: number;
};

/** Whether sector 0 is a FAT boot sector with the name of its type, as every formatter since DOS 4 writes it. */
export function isFat(head: Buffer): boolean {
  return nameOfType(head) !== null && hasParameterBlock(head);
}

/** Where the serial number and the label stand, which is where FAT12 and FAT16 differ from FAT32. */
export function locateFields(head: Buffer): { serialAt: number; labelAt: number; stateAt: number } {
  return nameOfType(head) === 'FAT32'
    ? { serialAt: 67, labelAt: 71, stateAt: 65 }
    : { serialAt: 39, labelAt: 43, stateAt: 37 };
}

function nameOfType(head: Buffer): string | null {
  if (head.toString('latin1', 82, 87) === 'FAT32') return 'FAT32';
  const name = head.toString('latin1', 54, 59).trimEnd();
  return /^FAT(1.)?$/.test(name) ? name : null;
}

/** The geometry of a FAT in `sizeBytes` bytes. @throws DeployError file-system-corrupt when it cannot be one */
export function readFatGeometry(head: Buffer, sizeBytes: number): FatGeometry {
  const sectorBytes = head.readUInt16LE(11);
  const sectorsPerCluster = head.readUInt8(13);
  const reserved = head.readUInt16LE(14);
  const fatCount = head.readUInt8(16);
  const rootEntries = head.readUInt16LE(17);
  const sectorCount = head.readUInt16LE(19) || head.readUInt32LE(32);
  const shortFat = head.readUInt16LE(22);
  const fatSectors = shortFat || head.readUInt32LE(36);
  const dataSector = reserved + fatCount * fatSectors + Math.ceil((rootEntries * 32) / sectorBytes);
  const clusterCount = Math.floor((sectorCount - dataSector) / sectorsPerCluster);
  if (!Number.isInteger(Math.log2(sectorsPerCluster))) throw corrupt('its cluster size is impossible');
  if (reserved === 0 || fatCount === 0 || fatCount > 4 || clusterCount < 1) throw corrupt('its layout is impossible');
  if (sectorCount * sectorBytes > sizeBytes) throw corrupt('it is larger than its partition');
  const bits = chooseBits(head, clusterCount);
  if (Math.floor((fatSectors * sectorBytes * 8) / bits) < clusterCount + 2) throw corrupt('its FAT is too short');
  return {
    bits,
    sectorBytes,
    sectorsPerCluster,
    fatAtBytes: reserved * sectorBytes,
    fatBytes: fatSectors * sectorBytes,
    fatNumbers: chooseFats(head, bits, fatCount),
    dataSector,
    clusterCount,
    rootCluster: bits === 32 ? checkRoot(head, clusterCount) : null,
    rootEntries,
    media: head.readUInt8(21),
  };
}

/** The type follows from the count of clusters and nothing else; a boot sector whose name says otherwise leaves it open. */
function chooseBits(head: Buffer, clusterCount: number): 12 | 16 | 32 {
  const name = nameOfType(head);
  const isLarge = head.readUInt16LE(22) === 0;
  if (isLarge !== (name === 'FAT32')) throw corrupt(`it is named ${name} and laid out otherwise`);
  if (isLarge) {
    if (head.readUInt16LE(17) !== 0 || clusterCount > 0x0ffffff5) throw corrupt('its layout is impossible');
    if (head.readUInt16LE(42) !== 0) throw corrupt(`FAT32 of version ${head.readUInt16LE(42)} is unknown`);
    return 32;
  }
  if (clusterCount > 65524) throw corrupt('it has too many clusters for a FAT16');
  const bits = clusterCount < 4085 ? 12 : 16;
  if (name !== 'FAT' && name !== `FAT${bits}`) throw corrupt(`it is named ${name} and has ${clusterCount} clusters`);
  return bits;
}

function chooseFats(head: Buffer, bits: number, fatCount: number): number[] {
  const flags = bits === 32 ? head.readUInt16LE(40) : 0;
  if ((flags & 0x80) === 0) return Array.from({ length: fatCount }, (_, i) => i);
  const active = flags & 0xf;
  if (active >= fatCount) throw corrupt('it names a FAT that it does not have');
  return [active];
}

function checkRoot(head: Buffer, clusterCount: number): number {
  const cluster = head.readUInt32LE(44);
  if (cluster < 2 || cluster >= clusterCount + 2) throw corrupt('its root directory lies outside the file system');
  return cluster;
}
