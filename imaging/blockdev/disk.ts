// What a person calls a disk, as the command line, the agent's inventory and selectors see it.
import type { ArrayState, MemberRole } from './array-state.ts';
import type { Contents, Controller } from './device-node.ts';
import type { Bus } from './hardware.ts';

export type Disk = {
  /** Stable from boot to boot: `wwn-…`, else `serial-MODEL-SERIAL`, else `array-UUID`, else `path-…` (where it hangs). */
  readonly id: string;
  /** What the id rests on, most trustworthy first. */
  readonly idKind: 'wwn' | 'serial' | 'array' | 'path';
  /** Why a better name that the disk has is not used: another disk claims it too. */
  readonly idNote: string | null;
  /** 1 for the first disk by the documented order, whatever the kernel's order. */
  readonly number: number;
  /** The kernel's name at this moment (`sda`); never an identity. */
  readonly kernelName: string;
  /** The device node at this moment (`/dev/sda`). */
  readonly devicePath: string;
  /** `multipath` is a LUN behind several paths. */
  readonly kind: 'disk' | 'array' | 'multipath';
  readonly sizeBytes: number;
  readonly sectorSizeBytes: number;
  readonly physicalSectorSizeBytes: number;
  readonly model: string | null;
  readonly serial: string | null;
  readonly wwn: string | null;
  readonly bus: Bus;
  /** Where it hangs; see place.ts. */
  readonly place: string;
  readonly controller: Controller | null;
  readonly linkSpeed: string | null;
  /** `partitions`: an array over partitions of disks that are listed themselves. Disks are numbered in this order, and within each by place. */
  readonly location: 'internal' | 'removable' | 'virtual' | 'partitions';
  readonly removable: boolean;
  readonly readOnly: boolean;
  /** What a host-protected area keeps from everybody: no part of `sizeBytes`, and of no image. 0: nothing; null: not known. */
  readonly hiddenBytes: number | null;
  /** What keeps its content from being read, or would; see locks.ts. */
  readonly locks: Locks;
  /** Why nothing may be written to it now (mounted, held, member of an array); empty when free. */
  readonly inUseBy: readonly string[];
  /** The devices an array or LUN is made of, as device nodes; they are no disks of their own. */
  readonly members: readonly string[];
  /** The same, with what is known of each. */
  readonly parts: readonly DiskPart[];
  readonly array: ArrayState | null;
  readonly partitions: readonly DiskPartition[];
  /** What udev found on the disk itself: a file system without a table, the mark of a member. */
  readonly contents: Contents | null;
};

/** `none`: it has no such lock; `off`: it could have one; `open`: it has, and is open now. */
export type LockState = 'none' | 'off' | 'open' | 'locked';

/** An ATA password, and TCG Opal's (and its relatives') locks. Null: nobody has asked the disk, or it did not answer. */
export type Locks = { readonly ata: LockState | null; readonly opal: LockState | null };

/** A member of an array, or a path to a LUN. */
export type DiskPart = {
  readonly devicePath: string;
  readonly model: string | null;
  readonly serial: string | null;
  readonly place: string;
  /**
   * As the kernel says it: `running`, `offline`, `transport-offline`, of ALUA `active/optimized`, `standby`; of NVMe `live`, `connecting`, `optimized`,
   * `inaccessible`; `unused` is a path that multipathd has not taken up; in the Deploy-OS also what only multipathd knows (`faulty`). Null where nobody says anything.
   */
  readonly state: string | null;
  /** Of a member of an md array. */
  readonly role: MemberRole | null;
};

export type DiskPartition = {
  readonly number: number;
  readonly devicePath: string;
  readonly sizeBytes: number;
  readonly contents: Contents | null;
  readonly inUseBy: readonly string[];
};
