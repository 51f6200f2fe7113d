// Tells a member of a BIOS's or a controller's RAID by the marks such firmware leaves, most of them in the last sectors.
// Places and marks: util-linux libblkid/src/superblocks/*_raid.c; checksums also dmraid lib/format/ataraid.
import type { ByteReader } from './byte-reader.ts';

/** Named as blkid names it, and in a person's words. */
export type Member = {
  readonly fileSystem: string;
  readonly array: string;
  /** It waits for a member of some array to fail: by itself nothing can be put together of it. */
  readonly spare?: true;
};

type Mark = Member & {
  /** Sectors of 512 bytes, counted back from the end. */
  readonly sectorsFromEnd: readonly number[];
  readonly matches: (sector: Buffer) => boolean;
};

const sectorBytes = 512;
const startsWith = (mark: string) => (sector: Buffer) => sector.toString('latin1', 0, mark.length) === mark;

const isIntel = startsWith('Intel Raid ISM Cfg Sig. ');
/** Its number of volumes: a spare has metadata of its own, without any (mdadm super-intel.c, struct imsm_super). */
const intelVolumesAt = 0x39;

const marks: readonly Mark[] = [
  {
    ...{ fileSystem: 'isw_raid_member', array: 'a firmware RAID (Intel, IMSM), as a spare', spare: true },
    sectorsFromEnd: [2],
    matches: (sector) => isIntel(sector) && sector.readUInt8(intelVolumesAt) === 0,
  },
  {
    ...{ fileSystem: 'isw_raid_member', array: 'a firmware RAID (Intel, IMSM)', sectorsFromEnd: [2] },
    matches: isIntel,
  },
  {
    // Common RAID Disk Data Format 2.0, 4.2: the anchor in the last sector; some controllers keep it before their workspace.
    ...{ fileSystem: 'ddf_raid_member', array: 'a firmware RAID (DDF)', sectorsFromEnd: [1, 257] },
    matches: (sector) => sector.readUInt32BE(0) === 0xde11de11 || sector.readUInt32LE(0) === 0xde11de11,
  },
  {
    ...{ fileSystem: 'lsi_mega_raid_member', array: 'a firmware RAID (LSI MegaRAID)', sectorsFromEnd: [1] },
    matches: startsWith('$XIDE$'),
  },
  {
    ...{ fileSystem: 'silicon_medley_raid_member', array: 'a firmware RAID (Silicon Image)', sectorsFromEnd: [1] },
    matches: (sector) =>
      sector.readUInt32LE(0x60) === 0x2f000000 &&
      sector.readUInt8(0x116) < 8 &&
      ((sumWords(sector, 0x13e) + sector.readUInt16LE(0x13e)) & 0xffff) === 0,
  },
  {
    ...{ fileSystem: 'via_raid_member', array: 'a firmware RAID (VIA)', sectorsFromEnd: [1] },
    matches: (sector) =>
      sector.readUInt16LE(0) === 0xaa55 && sector.readUInt8(2) <= 2 && sumBytes(sector, 50) === sector.readUInt8(50),
  },
  {
    ...{ fileSystem: 'adaptec_raid_member', array: 'a firmware RAID (Adaptec HostRAID)', sectorsFromEnd: [1] },
    matches: (sector) => sector.readUInt32BE(0) === 0x37fc4d1e && sector.toString('latin1', 256, 260) === 'DPTM',
  },
  {
    ...{ fileSystem: 'jmicron_raid_member', array: 'a firmware RAID (JMicron)', sectorsFromEnd: [1] },
    matches: (sector) => startsWith('JM')(sector) && [0, 1].includes(sumWords(sector, 128)),
  },
  {
    ...{ fileSystem: 'nvidia_raid_member', array: 'a firmware RAID (NVIDIA)', sectorsFromEnd: [2] },
    matches: startsWith('NVIDIA'),
  },
  {
    ...{ fileSystem: 'hpt45x_raid_member', array: 'a firmware RAID (HighPoint 45x)', sectorsFromEnd: [11] },
    matches: (sector) => [0x5a7816f3, 0x5a7816fd].includes(sector.readUInt32LE(0)),
  },
  {
    fileSystem: 'promise_fasttrack_raid_member',
    array: 'a firmware RAID (Promise FastTrak)',
    sectorsFromEnd: [63, 255, 256, 16, 399, 591, 675, 735, 911, 974, 991, 951, 3087],
    matches: startsWith('Promise Technology, Inc.'),
  },
];
/** The one that stands at the start. */
const highPoint37x = { fileSystem: 'hpt37x_raid_member', array: 'a firmware RAID (HighPoint 37x)' };

/** `head` holds the first 8 KiB. @throws DeployError source-read, source-vanished */
export async function findFirmwareRaid(bytes: ByteReader, head: Buffer): Promise<Member | null> {
  if ([0x5a7816f0, 0x5a7816fd].includes(head.readUInt32LE(4640))) return highPoint37x;
  const sectors = Math.floor(bytes.sizeBytes / sectorBytes);
  const [endAt, tailSectors] = [sectors * sectorBytes, 16];
  const tail = await bytes.read(endAt - tailSectors * sectorBytes, tailSectors * sectorBytes);
  for (const { matches, sectorsFromEnd, ...member } of marks) {
    // Firmware that knows sectors of 4096 bytes counts in those.
    const unit = new Set([sectorBytes, bytes.sectorSizeBytes]);
    for (const back of sectorsFromEnd.flatMap((count) => [...unit].map((size) => count * size))) {
      const from = tail.length - back;
      const sector = from >= 0 ? tail.subarray(from, from + sectorBytes) : await readBack(bytes, endAt - back);
      if (sector !== null && matches(sector)) return member;
    }
  }
  return null;
}

async function readBack(bytes: ByteReader, atBytes: number): Promise<Buffer | null> {
  return atBytes < 0 ? null : await bytes.read(atBytes, sectorBytes);
}

function sumBytes(bytes: Buffer, length: number): number {
  return bytes.subarray(0, length).reduce((sum, byte) => (sum + byte) & 0xff, 0);
}

function sumWords(bytes: Buffer, length: number): number {
  let sum = 0;
  for (let at = 0; at < length; at += 2) sum = (sum + bytes.readUInt16LE(at)) & 0xffff;
  return sum;
}
