// What a look at a machine's disks found, and how it differs from an earlier one: from the agent's step `check`, kept by the server, shown by API and command line.
import { z } from 'zod';
import { diskSchema } from './inventory.ts';

const id = z.string().min(1).max(64);
const time = z.iso.datetime();
const text = z.string().max(512);
const bytes = z.number().int().nonnegative();
const count = z.number().int().nonnegative().nullable();

/** Notes of one disk or partition that are kept, and the length of each. */
export const maxNotes = 100;
export const maxNoteLength = 1024;
const notes = z.array(z.string().max(maxNoteLength)).max(maxNotes).readonly();

/**
 * What a disk says of its own health (SMART, NVMe, SCSI); null is what it does not say. Of an array or a LUN: the worst of what its
 * members or paths say.
 */
export const diskHealthSchema = z.object({
  /** False: the disk itself says that it is failing. */
  passed: z.boolean().nullable(),
  temperatureCelsius: z.number().int().nullable(),
  powerOnHours: count,
  /** ATA attribute 5; of a SCSI disk, its list of grown defects. */
  reallocatedSectors: count,
  /** ATA attribute 197: sectors that could not be read and wait to be written. */
  pendingSectors: count,
  /** NVMe: of the endurance that its maker promised; may pass 100. */
  percentageUsed: count,
  /** NVMe: what is left of the spare blocks, and where the maker sees the end. */
  sparePercent: count,
  spareThresholdPercent: count,
  /** NVMe: reads and writes that failed for good. */
  mediaErrors: count,
});
export type DiskHealth = z.infer<typeof diskHealthSchema>;

/** What imaging/map.ts found by reading; `number` 0 is a disk without a table. */
const mappedPartitionSchema = z.object({
  number: z.number().int().nonnegative(),
  startBytes: bytes,
  sizeBytes: bytes,
  name: text.nullable(),
  fileSystem: text.nullable(),
  label: text.nullable(),
  uuid: text.nullable(),
  /** Which reader vouches for the used bytes; `raw` counts all as used. */
  reader: text,
  usedBytes: bytes,
  notes,
});
export type MappedPartition = z.infer<typeof mappedPartitionSchema>;

const diskMapSchema = z.object({
  table: z.enum(['gpt', 'mbr', 'none']),
  tableId: text.nullable(),
  usedBytes: bytes,
  partitions: z.array(mappedPartitionSchema).max(1024).readonly(),
  notes,
});

export const checkedDiskSchema = diskSchema.extend({
  /** Null when the disk was not read: at a registration, or for the reason in `readError`. */
  map: diskMapSchema.nullable().default(null),
  /** SHA-256 in hexadecimal of its first and last MiB, where tables and superblocks are; null when they were not read. */
  tablesDigest: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable()
    .default(null),
  readError: z.string().max(maxNoteLength).nullable().default(null),
  /** Null when nothing could be asked. */
  health: diskHealthSchema.nullable().default(null),
  /** The ways in which it erases itself, by the names of imaging/wipe/erase-ways.ts, and why others cannot be used now; null when it was not asked. */
  erase: z
    .object({
      ways: z.array(z.string().max(64)).max(32).readonly(),
      hindrances: z.array(text).max(8).readonly(),
    })
    .nullable()
    .default(null),
});
export type CheckedDisk = z.infer<typeof checkedDiskSchema>;

export const checkedDisksSchema = z.array(checkedDiskSchema).max(4096).readonly();

export const differenceKindSchema = z.enum([
  ...['gone', 'new', 'number', 'size', 'read-only', 'hidden', 'lock', 'replaced', 'id-changed', 'id-shared'],
  ...['array', 'member-gone', 'member-new', 'path-lost', 'path-back'],
  ...['partition-gone', 'partition-new', 'partition-changed', 'unreadable', 'health'],
] as const);

/** One thing that is not as it was. `warning` is what a person should look at; `info` is news, like a disk that came. */
export const differenceSchema = z.object({
  kind: differenceKindSchema,
  level: z.enum(['warning', 'info']),
  /** Of the disk as it is now; of one that is gone, as it was. */
  diskId: text,
  diskNumber: z.number().int().positive(),
  /** `disk 2 (QEMU HARDDISK, serial S2, 8.0 GiB, id serial-S2) is gone` */
  message: z.string().max(4096),
});
export type Difference = z.infer<typeof differenceSchema>;

/** `check`: a step of a job, which reads the disks. `registration`: what the machine's inventory said when it had changed. */
const kind = z.enum(['check', 'registration']);

const before = z.object({ id, at: time, kind });

/** Without the disks: a line of GET /v1/machines/:id/disk-checks. */
export const diskCheckSummarySchema = z.object({
  id,
  at: time,
  kind,
  jobId: id.nullable(),
  diskCount: z.number().int().nonnegative(),
  /** What it is compared with; null when it is the first. */
  before: before.nullable(),
  differences: z.array(differenceSchema).readonly(),
});
export type DiskCheckSummary = z.infer<typeof diskCheckSummarySchema>;

/** GET /v1/machines/:id/disks, GET /v1/machines/:id/disk-checks/:check */
export const diskCheckSchema = diskCheckSummarySchema.extend({ disks: checkedDisksSchema });
export type DiskCheck = z.infer<typeof diskCheckSchema>;

/** GET /v1/machines/:id/disk-checks: newest first; `next` is the `before` of the next page. */
export const diskCheckPageSchema = z.object({ checks: z.array(diskCheckSummarySchema), next: id.nullable() });
