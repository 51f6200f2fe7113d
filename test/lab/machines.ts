// The machines of the lab, as data: what a person could buy, and what is in their disks.
import type { DiskSpec, MachineSpec } from '../../scripts/lab/machine-spec.ts';

/** What a disk holds when the machine is first powered on. */
export type DiskContent = 'debian-12' | { readonly blankBytes: number };

export type LabMachine = Omit<MachineSpec, 'name' | 'disks'> & {
  readonly disks: readonly (Omit<DiskSpec, 'file'> & { readonly content: DiskContent })[];
};

/** As large as the disk of an installed Debian. */
const blank = { blankBytes: 4096 * 1024 * 1024 } as const;

export const labMachines = {
  /** The machine that is captured: BIOS, a SATA disk with Debian 12. */
  'web-01': {
    bootFrom: 'network',
    cpus: 2,
    uuid: '5d0b1a4e-0001-4000-8000-000000000001',
    disks: [{ bus: 'sata', serial: 'LAB-WEB01', content: 'debian-12' }],
    nics: [{ mac: '52:54:00:77:00:01', model: 'e1000' }],
  },
  /** The machine that is restored: BIOS, a blank disk on another bus. */
  'web-02': {
    bootFrom: 'network',
    cpus: 2,
    uuid: '5d0b1a4e-0002-4000-8000-000000000002',
    disks: [{ bus: 'virtio', serial: 'LAB-WEB02', content: blank }],
    nics: [{ mac: '52:54:00:77:00:02', model: 'virtio-net-pci' }],
  },
} as const satisfies Record<string, LabMachine>;
