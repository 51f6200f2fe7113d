// Disks as the rows of a table, the same for those of this machine and for those that a server knows of another.
import type { Disk, DiskPart } from '../imaging/blockdev/disk.ts';
import { describeLocks } from '../imaging/blockdev/locks.ts';
import type { CheckedDisk, DiskHealth } from '../protocol/disk-check.ts';
import { formatBytes } from './output.ts';

/** A disk of which more may be known than the kernel says. */
type ShownDisk = Disk & Partial<Pick<CheckedDisk, 'map' | 'readError' | 'health'>>;

export const diskHeadings: readonly string[] = ['no.', 'device', 'size', 'bus', 'model', 'id', 'state'];

/** The disk, and below it what it is made of and what is on it. */
export function toDiskRows(disk: ShownDisk): string[][] {
  const { number, devicePath, sizeBytes, bus, removable, model, id, parts } = disk;
  const kind = removable ? `${bus} (removable)` : bus;
  return [
    [String(number), devicePath, formatBytes(sizeBytes), kind, model ?? '-', id, describeState(disk) || '-'],
    ...parts.map((part) => [
      '',
      `  ${part.devicePath}`,
      '',
      '',
      part.model ?? '',
      part.serial ?? '',
      describePart(disk, part),
    ]),
    ...toPartitionRows(disk),
  ];
}

/** By what the kernel says of each and, where the disk was read, by what was found; a disk without a table may have the latter only. */
function toPartitionRows({ partitions, map, devicePath }: ShownDisk): string[][] {
  const read = (map?.partitions ?? []).filter(({ number, fileSystem }) => number !== 0 || fileSystem !== null);
  const numbers = new Set([...partitions, ...read].map(({ number }) => number));
  return [...numbers]
    .sort((a, b) => a - b)
    .map((number) => {
      const kernel = partitions.find((part) => part.number === number);
      const found = read.find((part) => part.number === number);
      const name = number === 0 ? devicePath : `partition ${number}`;
      const what = [found?.fileSystem ?? kernel?.contents?.type, found?.label ?? kernel?.contents?.label];
      const used = found === undefined ? [] : [`${formatBytes(found.usedBytes)} used`, ...found.notes];
      return [
        '',
        `  ${kernel?.devicePath ?? name}`,
        formatBytes(found?.sizeBytes ?? kernel?.sizeBytes ?? 0),
        '',
        what.filter(Boolean).join(' '),
        found?.uuid ?? kernel?.contents?.uuid ?? '',
        [...used, ...(kernel?.inUseBy ?? [])].join('; '),
      ];
    });
}

function describeState(disk: ShownDisk): string {
  const { array, readOnly, locks, inUseBy, idNote, sectorSizeBytes, hiddenBytes } = disk;
  const { contents, map, readError, health } = disk;
  const lockedBy = describeLocks(locks);
  const facts = [
    readError ? `cannot be read: ${readError}` : null,
    health ? describeHealth(health) : null,
    array === null ? null : `${array.level} (${array.metadata ?? 'no metadata'}), ${array.health}`,
    array === null || array.missing === 0 ? null : `${array.missing} of ${array.members} members missing`,
    array?.dirty ? 'not stopped when it was last in use' : null,
    array === null || array.done === null ? null : `${Math.floor(array.done * 100)} % done`,
    sectorSizeBytes === 512 ? null : `sectors of ${sectorSizeBytes} bytes`,
    hiddenBytes ? `${formatBytes(hiddenBytes)} more are hidden in a host-protected area` : null,
    readOnly ? 'read-only' : null,
    lockedBy === null ? null : `locked by ${lockedBy}`,
    locks.opal === 'open' ? 'its OPAL lock is open now' : null,
    contents === null ? null : contents.type,
    ...inUseBy,
    idNote,
    map ? `${formatBytes(map.usedBytes)} used` : null,
    ...(map?.notes ?? []),
  ];
  return facts.filter((fact) => fact !== null).join('; ');
}

/** A verdict, and what a person would ask next. */
function describeHealth(health: DiskHealth): string {
  const { passed, temperatureCelsius, powerOnHours, reallocatedSectors, pendingSectors } = health;
  const { percentageUsed, sparePercent, mediaErrors } = health;
  const facts = [
    passed === null ? null : passed ? 'well' : 'FAILING',
    temperatureCelsius === null ? null : `${temperatureCelsius} °C`,
    powerOnHours === null ? null : `${powerOnHours} h`,
    reallocatedSectors ? `${reallocatedSectors} reallocated sectors` : null,
    pendingSectors ? `${pendingSectors} sectors that could not be read` : null,
    percentageUsed === null ? null : `${percentageUsed} % of its endurance used`,
    sparePercent === null ? null : `${sparePercent} % spare`,
    mediaErrors ? `${mediaErrors} media errors` : null,
  ];
  return facts.filter((fact) => fact !== null).join(', ');
}

function describePart({ kind }: Disk, { role, state }: DiskPart): string {
  const what = kind === 'array' ? 'member' : 'path';
  const words = role === null || role === 'active' ? what : role;
  return state === null ? words : `${words}, ${state}`;
}
