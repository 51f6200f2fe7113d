// What a person calls a disk, as the command line, the agent's inventory and selectors see it.

/** How a disk hangs on the machine. */
export type Bus = 'nvme' | 'sata' | 'scsi' | 'virtio' | 'usb' | 'mmc' | 'xen' | 'loop' | 'md' | 'dm' | 'other';

export type Disk = {
  /** Stable from boot to boot: `wwn-…`, else `serial-MODEL-SERIAL`, else `array-UUID`, else `path-…` (the controller path). */
  readonly id: string;
  /** What the id rests on, most trustworthy first. */
  readonly idKind: 'wwn' | 'serial' | 'array' | 'path';
  /** 1 for the first disk by the documented order, whatever the kernel's order. */
  readonly number: number;
  /** The kernel's name at this moment (`sda`); never an identity. */
  readonly kernelName: string;
  /** The device node at this moment (`/dev/sda`). */
  readonly devicePath: string;
  readonly sizeBytes: number;
  readonly sectorSizeBytes: number;
  readonly model: string | null;
  readonly serial: string | null;
  readonly wwn: string | null;
  readonly bus: Bus;
  readonly removable: boolean;
  readonly readOnly: boolean;
  /** Why nothing may be written to it now (mounted, held, member of an array); empty when free. */
  readonly inUseBy: readonly string[];
  /** The devices an array or LUN is made of, as device nodes; they are no disks of their own. */
  readonly members: readonly string[];
};
