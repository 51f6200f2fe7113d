// A disk put together on the scratch disk from a folder of Clonezilla's or FOG's: table, boot code, then each partition's blocks.

import { windowOf } from '../blockdev/byte-reader.ts';
import { openReader } from '../blockdev/open-reader.ts';
import { shift, subtract } from '../chunk/ranges.ts';
import type { DiskMap, PartitionMap } from '../disk-map.ts';
import { type Extent, mergeExtents } from '../extent.ts';
import { mapBytes } from '../map.ts';
import type { RunOptions } from '../progress.ts';
import { runTool } from '../run-tool.ts';
import { type ImageFolder, readImageFolder } from './image-folder.ts';
import { describePartclone } from './map-partclone.ts';
import { openStream } from './open-stream.ts';
import { corrupt, unsupported } from './partclone-header.ts';
import type { PartcloneContent } from './partclone-image.ts';
import type { ScratchDisk } from './scratch-disk.ts';
import { unpackBlocks } from './unpack-stream.ts';

const bootCodeBytes = 440;
const pageBytes = 4096;
/** mkswap makes none with fewer. */
const leastSwapPages = 9;

export type UnpackedFolder = { readonly format: ImageFolder['format']; readonly map: DiskMap };

/** @throws import-unsupported, import-corrupt, scratch-full, tool-missing (sfdisk), cancelled */
export async function unpackFolder(folder: string, scratch: ScratchDisk, options: RunOptions): Promise<UnpackedFolder> {
  const image = await readImageFolder(folder);
  await scratch.resize(diskSize(folder, image));
  await writeTable(folder, image, scratch, options);
  const layout = await mapScratch(scratch);
  await writeBootCode(image, layout, scratch);
  const contents = new Map<number, PartcloneContent>();
  for (const { number, files } of image.partitions) {
    const place = placeOf(folder, layout, number);
    const stream = await openStream(files[0] ?? folder, files);
    try {
      const content = await unpackBlocks(stream, scratch, place.startBytes, options);
      const last = content.used.at(-1);
      if (last !== undefined && last.startBytes + last.lengthBytes > place.sizeBytes) {
        throw corrupt(stream.label, `it is larger than partition ${number} in the table`);
      }
      contents.set(number, content);
    } finally {
      await stream.close();
    }
  }
  for (const swap of image.swaps) {
    const { startBytes, sizeBytes } = placeOf(folder, layout, swap.number);
    const lastPage = Math.floor(sizeBytes / pageBytes) - 1;
    const fits = startBytes + sizeBytes <= layout.sizeBytes && lastPage >= leastSwapPages && lastPage < 2 ** 32;
    if (!fits) throw corrupt(folder, `partition ${swap.number}, of ${sizeBytes} bytes, can be no swap area`);
    await scratch.write(startBytes, swapHeader(lastPage, swap.uuid, swap.label));
  }
  await scratch.flush();
  return { format: image.format, map: await describeDisk(scratch, contents, image) };
}

/** Written down, or reckoned from the table: a GPT ends 33 sectors behind its last usable one (128 entries), an MBR disk nobody knows where. */
function diskSize(folder: string, { sizeBytes, tableDump }: ImageFolder): number {
  if (sizeBytes !== null) return sizeBytes;
  const sectorBytes = sectorSize(tableDump);
  const lastLba = Number(/^last-lba: (\d+)$/m.exec(tableDump)?.[1]);
  if (lastLba > 0) return (lastLba + 34) * sectorBytes;
  const ends = [...tableDump.matchAll(/start=\s*(\d+), size=\s*(\d+)/g)].map(([, a, b]) => Number(a) + Number(b));
  if (ends.length === 0) throw unsupported(folder, 'has an empty partition table');
  return Math.max(...ends) * sectorBytes;
}

function sectorSize(tableDump: string): number {
  return Number(/^sector-size: (\d+)$/m.exec(tableDump)?.[1] ?? 512);
}

async function writeTable(
  folder: string,
  { tableDump }: ImageFolder,
  scratch: ScratchDisk,
  { signal }: RunOptions,
): Promise<void> {
  const flags = ['--force', '--no-reread', '--no-tell-kernel', '--quiet', '--wipe', 'never'];
  if (sectorSize(tableDump) !== 512) throw unsupported(folder, 'is of a disk with sectors of 4096 bytes');
  const { status, said } = await runTool('sfdisk', [...flags, scratch.path], { signal, input: tableDump });
  if (status !== 0) throw corrupt(folder, `sfdisk does not take its partition table: ${said}`);
}

async function mapScratch(scratch: ScratchDisk): Promise<DiskMap> {
  const reader = await openReader(scratch.path);
  try {
    return await mapBytes(reader);
  } finally {
    await reader.close();
  }
}

/** Boot code belongs to whoever made it; the table beside it is the one just written. */
async function writeBootCode(
  { bootSector, afterBootSector }: ImageFolder,
  { table, partitions, sizeBytes }: DiskMap,
  scratch: ScratchDisk,
): Promise<void> {
  if (bootSector !== null) await scratch.write(0, bootSector.subarray(0, bootCodeBytes));
  if (afterBootSector !== null && table === 'mbr') {
    const first = Math.min(sizeBytes, ...partitions.map(({ startBytes }) => startBytes));
    await scratch.write(512, afterBootSector.subarray(0, Math.max(0, first - 512)));
  }
  await scratch.flush();
}

function placeOf(folder: string, { partitions }: DiskMap, number: number): PartitionMap {
  const place = partitions.find((partition) => partition.number === number);
  if (place === undefined) throw corrupt(folder, `it has an image of partition ${number}, which its table has not`);
  return place;
}

/** As mkswap makes it: Linux include/linux/swap.h. */
function swapHeader(lastPage: number, uuid: string, label: string): Buffer {
  const page = Buffer.alloc(pageBytes);
  page.writeUInt32LE(1, 1024);
  page.writeUInt32LE(lastPage, 1028);
  Buffer.from(uuid.replaceAll('-', ''), 'hex').copy(page, 1036, 0, 16);
  Buffer.from(label).copy(page, 1052, 0, 15);
  page.write('SWAPSPACE2', pageBytes - 10);
  return page;
}

/** An extended partition: its own are the boot records between the logical ones. */
function isContainer({ type }: PartitionMap): boolean {
  return type !== null && ['05', '0f', '85'].includes(type);
}

async function describeDisk(
  scratch: ScratchDisk,
  contents: ReadonlyMap<number, PartcloneContent>,
  { swaps }: ImageFolder,
): Promise<DiskMap> {
  const reader = await openReader(scratch.path);
  try {
    const map = await mapBytes(reader);
    const leaves = map.partitions.filter((partition) => !isContainer(partition));
    const whole = leaves.map(({ startBytes, sizeBytes }) => ({ startBytes, lengthBytes: sizeBytes }));
    // Tables, and what is kept of the gaps between partitions.
    const used: Extent[] = subtract(map.used, mergeExtents(whole));
    const partitions: PartitionMap[] = [];
    for (const partition of map.partitions) {
      const window = windowOf(reader, partition.startBytes, partition.sizeBytes);
      const content = contents.get(partition.number);
      if (content !== undefined) {
        used.push(...shift(content.used, partition.startBytes));
        partitions.push({ ...partition, ...(await describePartclone(window, content)) });
      } else if (swaps.some(({ number }) => number === partition.number)) {
        used.push({ startBytes: partition.startBytes, lengthBytes: pageBytes });
        partitions.push({ ...partition, usedBytes: pageBytes, notes: ['made anew with its UUID'] });
      } else if (isContainer(partition)) {
        partitions.push(partition);
      } else partitions.push({ ...partition, usedBytes: 0, notes: ['not in the image: nothing of it is known'] });
    }
    return { ...map, partitions, used: mergeExtents(used) };
  } finally {
    await reader.close();
  }
}
