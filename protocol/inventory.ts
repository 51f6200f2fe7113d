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
  /** True for the NIC that the firmware booted from. */
  boot: z.boolean(),
});
export type Nic = z.infer<typeof nicSchema>;

/** A disk as imaging/blockdev describes it; see docs/disks.md for ids and numbers. */
export const diskSchema = z.object({
  id: text.min(1),
  idKind: z.enum(['wwn', 'serial', 'array', 'path']),
  number: z.number().int().positive(),
  kernelName: text,
  devicePath: text,
  sizeBytes: z.number().int().nonnegative(),
  sectorSizeBytes: z.number().int().positive(),
  model: text.nullable(),
  serial: text.nullable(),
  wwn: text.nullable(),
  bus: z.enum(['nvme', 'sata', 'scsi', 'virtio', 'usb', 'mmc', 'xen', 'loop', 'md', 'dm', 'other']),
  removable: z.boolean(),
  readOnly: z.boolean(),
  inUseBy: z.array(text).max(64),
  members: z.array(text).max(256),
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
  nics: z.array(nicSchema).max(256),
  disks: z.array(diskSchema).max(4096),
});
export type Inventory = z.infer<typeof inventorySchema>;
