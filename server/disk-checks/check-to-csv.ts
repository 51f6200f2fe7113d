// A disk check as one flat table: a row for each disk, and rows for its members or paths and its partitions below it.
import type { CheckedDisk, DiskCheck, DiskCheckSummary } from '../../protocol/disk-check.ts';
import { type Cell, toCsv } from '../csv.ts';

const columns = [
  ...[
    'row',
    'disk',
    'id',
    'id_kind',
    'device',
    'partition',
    'size_bytes',
    'used_bytes',
    'model',
    'serial',
    'wwn',
    'bus',
  ],
  ...[
    'kind',
    'controller',
    'link_speed',
    'place',
    'sector_bytes',
    'hidden_bytes',
    'removable',
    'read_only',
    'ata_lock',
    'opal_lock',
    'in_use_by',
    'state',
  ],
  ...['contents', 'label', 'uuid', 'health', 'temperature_celsius', 'power_on_hours', 'reallocated_sectors'],
  ...['pending_sectors', 'percentage_used', 'spare_percent', 'media_errors', 'notes', 'differences'],
] as const;
type Row = Partial<Record<(typeof columns)[number], Cell>>;

export function checkToCsv({ disks, differences }: DiskCheck): string {
  const messages = (id: string, number: number) =>
    differences
      .filter(({ kind, diskId, diskNumber }) => kind !== 'gone' && diskId === id && diskNumber === number)
      .map(({ message }) => message);
  const gone = differences.filter(({ kind }) => kind === 'gone');
  const rows: Row[] = [
    ...disks.flatMap((disk) => [
      { ...toDiskRow(disk), differences: messages(disk.id, disk.number).join('; ') },
      ...listPartRows(disk),
      ...listPartitionRows(disk),
    ]),
    ...gone.map(({ diskNumber, diskId, message }) => ({
      row: 'gone',
      disk: diskNumber,
      id: diskId,
      differences: message,
    })),
  ];
  return toCsv(
    columns,
    rows.map((row) => columns.map((column) => row[column] ?? null)),
  );
}

export function checksToCsv(checks: readonly DiskCheckSummary[]): string {
  return toCsv(
    ['id', 'at', 'kind', 'job', 'disks', 'differences'],
    checks.map(({ id, at, kind, jobId, diskCount, differences }) => {
      return [id, at, kind, jobId, diskCount, differences.map(({ message }) => message).join('; ')];
    }),
  );
}

function toDiskRow(disk: CheckedDisk): Row {
  const { array, controller, health, map } = disk;
  return {
    row: 'disk',
    disk: disk.number,
    id: disk.id,
    id_kind: disk.idKind,
    device: disk.devicePath,
    size_bytes: disk.sizeBytes,
    used_bytes: map?.usedBytes ?? null,
    model: disk.model,
    serial: disk.serial,
    wwn: disk.wwn,
    bus: disk.bus,
    kind: disk.kind,
    controller: controller === null ? null : [controller.address, controller.driver].filter(Boolean).join(' '),
    link_speed: disk.linkSpeed,
    place: disk.place,
    sector_bytes: disk.sectorSizeBytes,
    hidden_bytes: disk.hiddenBytes,
    removable: disk.removable,
    read_only: disk.readOnly,
    ata_lock: disk.locks.ata,
    opal_lock: disk.locks.opal,
    in_use_by: disk.inUseBy.join('; '),
    state: array === null ? null : `${array.level} ${array.health}${array.dirty ? ', not stopped' : ''}`,
    contents: map?.table === undefined || map.table === 'none' ? (disk.contents?.type ?? null) : map.table,
    label: disk.contents?.label ?? null,
    uuid: map?.tableId ?? disk.contents?.uuid ?? null,
    health: health === null || health.passed === null ? null : health.passed ? 'passed' : 'failed',
    temperature_celsius: health?.temperatureCelsius ?? null,
    power_on_hours: health?.powerOnHours ?? null,
    reallocated_sectors: health?.reallocatedSectors ?? null,
    pending_sectors: health?.pendingSectors ?? null,
    percentage_used: health?.percentageUsed ?? null,
    spare_percent: health?.sparePercent ?? null,
    media_errors: health?.mediaErrors ?? null,
    notes: [disk.readError, disk.idNote, ...(map?.notes ?? [])].filter((note) => note !== null).join('; '),
  };
}

function listPartRows({ number, id, kind, parts }: CheckedDisk): Row[] {
  return parts.map(({ devicePath, model, serial, place, state, role }) => {
    const row = kind === 'array' ? 'member' : 'path';
    const use = role === 'active' ? null : role;
    const words = [use, state].filter((word) => word !== null).join(', ') || null;
    return { row, disk: number, id, device: devicePath, model, serial, place, state: words };
  });
}

/** What was read, with what the kernel says of the same partition; what only one of them knows, too. */
function listPartitionRows({ number: disk, id, partitions, map }: CheckedDisk): Row[] {
  const numbers = new Set([...partitions, ...(map?.partitions ?? [])].map(({ number }) => number));
  return [...numbers]
    .sort((a, b) => a - b)
    .map((number) => {
      const kernel = partitions.find((part) => part.number === number);
      const read = map?.partitions.find((part) => part.number === number);
      return {
        row: 'partition',
        ...{ disk, id, partition: number },
        device: kernel?.devicePath ?? null,
        size_bytes: read?.sizeBytes ?? kernel?.sizeBytes ?? null,
        used_bytes: read?.usedBytes ?? null,
        in_use_by: kernel?.inUseBy.join('; ') ?? null,
        contents: read?.fileSystem ?? kernel?.contents?.type ?? null,
        label: read?.label ?? kernel?.contents?.label ?? null,
        uuid: read?.uuid ?? kernel?.contents?.uuid ?? null,
        notes: read?.notes.join('; ') ?? null,
      };
    });
}
