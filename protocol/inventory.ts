// What a machine says of itself when it registers: firmware's words, processors, memory, NICs and disks.
import { z } from 'zod';

const text = z.string().max(512);

export const nicSchema = z.object({
  name: text,
  mac: z.string().regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/),
  driver: text.nullable(),
  link: z.boolean(),
  speedMbps: z.number().int().nonnegative().nullable(),
  duplex: z.enum(['full', 'half']).nullable(),
  addresses: z.array(text).max(64),
  /** The IPv4 networks that it is in, with its address there (192.0.2.5/24); not told by older agents. */
  networks: z.array(text).max(64).optional(),
  /** True for the NIC that the firmware booted from. */
  boot: z.boolean(),
  /** Packets that were damaged or could not be sent since the machine booted. */
  errors: z.number().int().nonnegative().default(0),
  /** What came of looking for the server through it, in words; null before, and from older agents. */
  result: text.nullable().default(null),
});
export type Nic = z.infer<typeof nicSchema>;

const bytes = z.number().int().nonnegative();
const contentsSchema = z.object({ type: text, label: text.nullable(), uuid: text.nullable() }).nullable();

/** An array as the kernel shows it; see imaging/blockdev/array-state.ts. */
const arraySchema = z.object({
  level: text,
  metadata: text.nullable(),
  health: z.enum(['whole', 'degraded', 'rebuilding', 'failed']),
  readOnly: z.boolean(),
  members: z.number().int().nonnegative(),
  missing: z.number().int().nonnegative(),
  dirty: z.boolean().default(false),
  done: z.number().min(0).max(1).nullable(),
});

const lockStateSchema = z.enum(['none', 'off', 'open', 'locked']).nullable();

/** A disk as imaging/blockdev describes it; see docs/disks.md for ids and numbers. What has a default is not in inventories of older agents. */
export const diskSchema = z.object({
  id: text.min(1),
  idKind: z.enum(['wwn', 'serial', 'array', 'path']),
  idNote: text.nullable().default(null),
  number: z.number().int().positive(),
  kernelName: text,
  devicePath: text,
  kind: z.enum(['disk', 'array', 'multipath']).default('disk'),
  sizeBytes: bytes,
  sectorSizeBytes: z.number().int().positive(),
  physicalSectorSizeBytes: z.number().int().positive().default(512),
  model: text.nullable(),
  serial: text.nullable(),
  wwn: text.nullable(),
  bus: z.enum([
    ...['nvme', 'sata', 'sas', 'fc', 'iscsi', 'scsi', 'virtio', 'usb', 'mmc', 'xen', 'loop', 'md', 'dm', 'other'],
  ] as const),
  place: text.default(''),
  controller: z
    .object({ address: text, driver: text.nullable(), vendorId: text.nullable(), deviceId: text.nullable() })
    .nullable()
    .default(null),
  linkSpeed: text.nullable().default(null),
  location: z.enum(['internal', 'removable', 'virtual', 'partitions']).default('internal'),
  removable: z.boolean(),
  readOnly: z.boolean(),
  hiddenBytes: bytes.nullable().default(null),
  locks: z.object({ ata: lockStateSchema, opal: lockStateSchema }).default({ ata: null, opal: null }),
  inUseBy: z.array(text).max(64).readonly(),
  members: z.array(text).max(256).readonly(),
  parts: z
    .array(
      z.object({
        devicePath: text,
        model: text.nullable(),
        serial: text.nullable(),
        place: text,
        state: text.nullable(),
        role: z.enum(['active', 'spare', 'faulty', 'journal']).nullable().default(null),
      }),
    )
    .max(256)
    .readonly()
    .default([]),
  array: arraySchema.nullable().default(null),
  partitions: z
    .array(
      z.object({
        number: z.number().int().nonnegative(),
        devicePath: text,
        sizeBytes: bytes,
        contents: contentsSchema,
        inUseBy: z.array(text).max(64).readonly(),
      }),
    )
    .max(1024)
    .readonly()
    .default([]),
  contents: contentsSchema.default(null),
});
export type InventoryDisk = z.infer<typeof diskSchema>;

export const inventorySchema = z.object({
  smbios: z.object({
    uuid: text.nullable(),
    serial: text.nullable(),
    manufacturer: text.nullable(),
    product: text.nullable(),
  }),
  firmware: z.enum(['bios', 'uefi']),
  secureBoot: z.boolean(),
  cpu: z.object({ model: text, count: z.number().int().positive() }),
  memoryBytes: z.number().int().positive(),
  /** What resets the machine when the agent is stuck, in words; null for nothing, and from older agents. */
  watchdog: text.nullable().default(null),
  nics: z.array(nicSchema).max(256),
  disks: z.array(diskSchema).max(4096).readonly(),
});
export type Inventory = z.infer<typeof inventorySchema>;
