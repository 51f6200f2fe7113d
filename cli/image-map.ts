// `deploy-os image map`: what a capture of a disk would read, and why.
import type { Command } from 'commander';
import type { DiskMap, PartitionMap, VolumeMap } from '../imaging/disk-map.ts';
import { totalBytes } from '../imaging/extent.ts';
import { mapDisk } from '../imaging/map.ts';
import { formatBytes, interruptSignal, printJson, printTable } from './output.ts';

type Flags = { json?: true; member?: true; unpartitioned?: true };

/** Adds `map` to `deploy-os image`. */
export function addVerb(image: Command): void {
  image
    .command('map <source>')
    .description('Show which bytes of a disk or disk file a capture would read')
    .option('--unpartitioned', 'also all that lies outside of partitions, as for `image capture`')
    .option('--member', 'look into a member of an array as if it were a disk')
    .option('--json', 'print the map as JSON, with every used extent as [start, length] in bytes')
    .action(async (disk: string, flags: Flags) => {
      const { member: allowMember = false, unpartitioned = false } = flags;
      const map = await mapDisk(disk, { allowMember, unpartitioned, signal: interruptSignal() });
      if (flags.json) printJson(toJson(map));
      else printMap(map);
    });
}

/** A disk may have a million used extents: pairs of start and length keep the answer small. */
function toJson(map: DiskMap) {
  const pairs = (extents: DiskMap['used']) => extents.map(({ startBytes, lengthBytes }) => [startBytes, lengthBytes]);
  return { ...map, usedBytes: totalBytes(map.used), used: pairs(map.used), blank: pairs(map.blank ?? []) };
}

function printMap(map: DiskMap): void {
  const table = map.table === 'none' ? 'no partition table' : `${map.table.toUpperCase()} ${map.diskId}`;
  const usedBytes = totalBytes(map.used);
  const headings = ['no.', 'start', 'size', 'used', 'file system', 'label', 'reader'];
  process.stdout.write(
    `${formatBytes(map.sizeBytes)}, sectors of ${map.sectorSizeBytes} bytes, ${table}; ` +
      `${formatBytes(usedBytes)} used in ${map.used.length} extents\n`,
  );
  printTable(
    headings,
    map.partitions.flatMap((part) => [toRow(part), ...(part.volumes ?? []).map(toVolumeRow)]),
  );
  for (const note of map.notes ?? []) process.stdout.write(`note: ${note}\n`);
  for (const { number, notes } of map.partitions) {
    for (const note of notes) process.stdout.write(`note${number === 0 ? '' : ` on partition ${number}`}: ${note}\n`);
  }
}

function toRow(part: PartitionMap): string[] {
  const { number, startBytes, sizeBytes, usedBytes, fileSystem, fileSystemLabel, partitionName, reader } = part;
  const label = fileSystemLabel ?? partitionName ?? '-';
  const place = number === 0 ? 'disk' : String(number);
  return [
    place,
    formatBytes(startBytes),
    formatBytes(sizeBytes),
    formatBytes(usedBytes),
    fileSystem ?? '-',
    label,
    reader,
  ];
}

/** A logical volume, below its partition. */
function toVolumeRow({ name, sizeBytes, usedBytes, fileSystem, fileSystemLabel, reader }: VolumeMap): string[] {
  const place = ['', name, formatBytes(sizeBytes), formatBytes(usedBytes)];
  return [...place, fileSystem ?? '-', fileSystemLabel ?? '-', reader];
}
