// A disk as a row of segments: its partitions in order, what is used of each, and what lies free between them.
import type { CheckedDisk, MappedPartition } from '../../protocol/disk-check.ts';
import type { InventoryDisk } from '../../protocol/inventory.ts';

export type Family = 'windows' | 'linux' | 'volumes' | 'swap' | 'locked' | 'unknown' | 'free';

export type Segment = {
  /** Null for free space; 0 is a disk without a table. */
  readonly number: number | null;
  readonly family: Family;
  readonly contents: string | null;
  readonly label: string | null;
  readonly sizeBytes: number;
  /** Null when it was not read. */
  readonly usedBytes: number | null;
};

const families: Record<string, Family> = {
  ntfs: 'windows',
  vfat: 'windows',
  exfat: 'windows',
  refs: 'windows',
  ext2: 'linux',
  ext3: 'linux',
  ext4: 'linux',
  xfs: 'linux',
  btrfs: 'linux',
  f2fs: 'linux',
  swap: 'swap',
  lvm2_member: 'volumes',
  linux_raid_member: 'volumes',
  crypto_luks: 'locked',
  bitlocker: 'locked',
};

function familyOf(contents: string | null): Family {
  return families[contents?.toLowerCase() ?? ''] ?? 'unknown';
}

/** Smaller gaps are alignment, which nobody needs to see. */
const smallestGapBytes = 64 * 1024 ** 2;

/** Of a disk that was read, as it lies; of another, its partitions one after another, which is how nearly all disks are laid out. */
export function segmentsOf(disk: InventoryDisk | CheckedDisk): Segment[] {
  const map = 'map' in disk ? disk.map : null;
  if (map !== null && map.partitions.length > 0) return segmentsOfMap(map.partitions, disk.sizeBytes);
  const parts = disk.partitions.map(({ number, sizeBytes, contents }) => toSegment(number, sizeBytes, contents));
  if (parts.length === 0 && disk.contents !== null) return [toSegment(0, disk.sizeBytes, disk.contents)];
  addFree(parts, disk.sizeBytes - parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
  return parts;
}

type Mapped = Pick<MappedPartition, 'number' | 'startBytes' | 'sizeBytes' | 'usedBytes' | 'fileSystem' | 'label'>;

/** Partitions where they lie on a disk of that size. */
export function segmentsOfMap(partitions: readonly Mapped[], diskBytes: number): Segment[] {
  const segments: Segment[] = [];
  let end = 0;
  for (const part of partitions.toSorted((a, b) => a.startBytes - b.startBytes)) {
    addFree(segments, part.startBytes - end);
    const { number, label, sizeBytes, usedBytes, fileSystem } = part;
    segments.push({ number, label, sizeBytes, usedBytes, contents: fileSystem, family: familyOf(fileSystem) });
    end = part.startBytes + part.sizeBytes;
  }
  addFree(segments, diskBytes - end);
  return segments;
}

function toSegment(number: number, sizeBytes: number, contents: InventoryDisk['contents']): Segment {
  const { type = null, label = null } = contents ?? {};
  return { number, sizeBytes, label, contents: type, usedBytes: null, family: familyOf(type) };
}

function addFree(segments: Segment[], sizeBytes: number): void {
  if (sizeBytes < smallestGapBytes) return;
  segments.push({ number: null, family: 'free', contents: null, label: null, sizeBytes, usedBytes: null });
}

/** Widths in percent that add up to 100, none below `least`: a boot partition of 500 MB is to be seen on a disk of 8 TB. */
export function widthsOf(segments: readonly Pick<Segment, 'sizeBytes'>[], least = 2.5): number[] {
  const total = segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (total === 0) return segments.map(() => 100 / segments.length);
  const bounded = Math.min(least, 100 / segments.length);
  const raw = segments.map(({ sizeBytes }) => Math.max(bounded, (sizeBytes / total) * 100));
  const spare = raw.map((width) => width - bounded);
  const [over, room] = [sum(raw) - 100, sum(spare)];
  return raw.map((width, i) => (room === 0 ? width : width - over * ((spare[i] ?? 0) / room)));
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** `Samsung SSD 980 PRO 1TB, 932 GiB, NVMe` without the size. */
export function nameOfDisk({ model, bus }: InventoryDisk): string {
  const buses: Record<string, string> = {
    nvme: 'NVMe',
    sata: 'SATA',
    sas: 'SAS',
    fc: 'FC',
    usb: 'USB',
    iscsi: 'iSCSI',
    md: 'RAID',
  };
  return [model, buses[bus] ?? bus].filter(Boolean).join(' · ');
}
