// The boot region of exFAT, checked field by field and against its checksum before anything rests on it.
// Layout: Microsoft exFAT file system specification, section 3 "Main and Backup Boot Regions".
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { corrupt } from './distrust.ts';
import { readInside } from './evidence.ts';

export type ExfatGeometry = {
  readonly sectorBytes: number;
  readonly clusterBytes: number;
  readonly clusterCount: number;
  readonly fatAtBytes: number;
  /** Where cluster 2 starts. */
  readonly heapAtBytes: number;
  readonly rootCluster: number;
};

const flags = { activeFat: 0x1, dirty: 0x2, mediaFailure: 0x4 } as const;

export function isExfat(head: Buffer): boolean {
  return head.toString('latin1', 3, 11) === 'EXFAT   ';
}

/** The geometry, when this volume's allocation bitmap can be trusted. @throws DeployError file-system-corrupt when not */
export async function readExfatGeometry(bytes: ByteReader, head: Buffer): Promise<ExfatGeometry> {
  const sectorShift = head.readUInt8(108);
  const clusterShift = head.readUInt8(109);
  if (head.readUInt16LE(510) !== 0xaa55) throw corrupt('its boot sector is damaged');
  if (!head.subarray(11, 64).every((byte) => byte === 0)) throw corrupt('its boot sector is also that of another');
  if (sectorShift < 9 || sectorShift > 12) throw corrupt('its sector size is impossible');
  if (sectorShift + clusterShift > 25) throw corrupt('its cluster size is impossible');
  const sectorBytes = 2 ** sectorShift;
  await checkSum(bytes, sectorBytes);
  findDistrust(head);
  return readLayout(head, { sectorBytes, clusterBytes: sectorBytes * 2 ** clusterShift, sizeBytes: bytes.sizeBytes });
}

function findDistrust(head: Buffer): void {
  const state = head.readUInt16LE(106);
  const revision = head.readUInt16LE(104);
  if (revision >>> 8 !== 1) throw corrupt(`revision ${revision >>> 8}.${revision & 0xff} is unknown`);
  if (head.readUInt8(110) !== 1 || state & flags.activeFat) throw corrupt('it has two FATs (TexFAT)');
  if (state & flags.dirty) throw corrupt('it was not unmounted cleanly');
  if (state & flags.mediaFailure) throw corrupt('errors of its medium are recorded in it');
}

function readLayout(
  head: Buffer,
  { sectorBytes, clusterBytes, sizeBytes }: { sectorBytes: number; clusterBytes: number; sizeBytes: number },
): ExfatGeometry {
  const volumeBytes = Number(head.readBigUInt64LE(72)) * sectorBytes;
  const fatAtBytes = head.readUInt32LE(80) * sectorBytes;
  const fatBytes = head.readUInt32LE(84) * sectorBytes;
  const heapAtBytes = head.readUInt32LE(88) * sectorBytes;
  const clusterCount = head.readUInt32LE(92);
  const rootCluster = head.readUInt32LE(96);
  if (volumeBytes > sizeBytes) throw corrupt('it is larger than its partition');
  const fits = fatAtBytes >= 24 * sectorBytes && fatAtBytes + fatBytes <= heapAtBytes && clusterCount > 0;
  if (!fits || clusterCount > 0xfffffff5 || heapAtBytes + clusterCount * clusterBytes > volumeBytes)
    throw corrupt('its layout is impossible');
  if (fatBytes < (clusterCount + 2) * 4) throw corrupt('its FAT is too short');
  if (rootCluster < 2 || rootCluster >= clusterCount + 2)
    throw corrupt('its root directory lies outside the file system');
  return { sectorBytes, clusterBytes, clusterCount, fatAtBytes, heapAtBytes, rootCluster };
}

/** The twelfth sector repeats the sum of the eleven before it, without the volume's flags and its percentage of use. */
async function checkSum(bytes: ByteReader, sectorBytes: number): Promise<void> {
  const region = await readInside(bytes, 0, 12 * sectorBytes, 'its boot region');
  let sum = 0;
  for (let i = 0; i < 11 * sectorBytes; i++) {
    if (i === 106 || i === 107 || i === 112) continue;
    sum = (((sum << 31) | (sum >>> 1)) + (region[i] as number)) >>> 0;
  }
  for (let at = 11 * sectorBytes; at < region.length; at += 4) {
    if (region.readUInt32LE(at) !== sum) throw corrupt('its boot region does not match its checksum');
  }
}
