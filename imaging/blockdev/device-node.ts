// The devices of a machine as one typed graph: what each is, what it is built on, and what is built on it.
import type { ArrayState } from './array-state.ts';
import type { Hardware } from './hardware.ts';

/**
 * `multipath` is a LUN that device-mapper reaches by several paths, `mapping` any other device-mapper device (volumes, encryption),
 * `container` the metadata of a firmware RAID, which holds no bytes itself, `path` one way of an NVMe namespace,
 * `flash` memory without a translation layer, `boot-area` one of an eMMC's, `empty` a drive without a medium.
 */
export type DeviceKind =
  | 'disk'
  | 'array'
  | 'multipath'
  | 'partition'
  | 'mapping'
  | 'container'
  | 'path'
  | 'empty'
  | 'optical'
  | 'floppy'
  | 'loop'
  | 'memory'
  | 'flash'
  | 'boot-area'
  | 'network';

/** What udev has found at the start of a device. */
export type Contents = { readonly type: string; readonly label: string | null; readonly uuid: string | null };

/** The PCI function that a device hangs on; vendor and device are PCI ids, `8086` and `2922`. */
export type Controller = {
  readonly address: string;
  readonly driver: string | null;
  readonly vendorId: string | null;
  readonly deviceId: string | null;
};

export type DeviceNode = {
  readonly kernelName: string;
  readonly majorMinor: string;
  readonly devicePath: string;
  /** Its directory in sysfs. */
  readonly directory: string;
  readonly kind: DeviceKind;
  readonly sizeBytes: number;
  readonly sectorSizeBytes: number;
  readonly physicalSectorSizeBytes: number;
  readonly readOnly: boolean;
  readonly removable: boolean;
  readonly hardware: Hardware;
  /** See place.ts. */
  readonly place: string;
  readonly controller: Controller | null;
  /** Of a partition: the kernel's name of its disk. */
  readonly partOf: string | null;
  readonly partitionNumber: number | null;
  /** Kernel names of what it is made of, and of what is made of it. */
  readonly below: readonly string[];
  readonly above: readonly string[];
  /** device-mapper's name and id of a mapping. */
  readonly dmName: string | null;
  readonly dmUuid: string | null;
  readonly contents: Contents | null;
  readonly array: ArrayState | null;
  /** What the kernel says of the way to the device: `running`, `offline`, `live`; null where it says nothing. */
  readonly state: string | null;
  /** `6.0 Gbps` */
  readonly linkSpeed: string | null;
  readonly udev: ReadonlyMap<string, string>;
};

/** By kernel name. */
export type DeviceGraph = ReadonlyMap<string, DeviceNode>;
