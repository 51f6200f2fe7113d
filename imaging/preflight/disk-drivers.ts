// Which drivers Windows can start from, by the driver that Linux has for the same controller.
import type { Disk } from '../blockdev/disk.ts';

export type TargetController = Pick<Disk, 'bus'> & { readonly driver: string | null };

type Family = { readonly fits: (controller: TargetController) => boolean; readonly windows: RegExp };

const families: readonly Family[] = [
  // Behind Intel's VMD an NVMe disk is none to Windows' own driver.
  { fits: ({ driver }) => driver === 'vmd', windows: /^iastor\w*$/i },
  { fits: ({ bus }) => bus === 'nvme', windows: /^(stornvme|\w*nvme\w*)$/i },
  { fits: ({ driver }) => driver === 'ahci', windows: /^(storahci|msahci|iastor\w*|amd_?x?ata|amdsata)$/i },
  { fits: ({ driver }) => /^(ata_|pata_)/.test(driver ?? ''), windows: /^(intelide|pciide|atapi)$/i },
  { fits: ({ bus }) => bus === 'virtio', windows: /^viostor$/i },
  { fits: ({ bus, driver }) => bus === 'scsi' && driver === 'virtio-pci', windows: /^vioscsi$/i },
  { fits: ({ driver }) => driver === 'megaraid_sas', windows: /^(megasas\w*|percsas\w*)$/i },
  { fits: ({ driver }) => /^mpt[23]?sas$/.test(driver ?? ''), windows: /^lsi_sas\w*$/i },
  { fits: ({ driver }) => driver === 'vmw_pvscsi', windows: /^pvscsi\w*$/i },
  { fits: ({ driver }) => driver === 'hv_storvsc', windows: /^storvsc$/i },
];

/** Whether one of a Windows' boot drivers serves the controller; null for a controller that is not known here. */
export function canBootFrom(controller: TargetController, bootDrivers: readonly string[]): boolean | null {
  const family = families.find(({ fits }) => fits(controller));
  return family === undefined ? null : bootDrivers.some((driver) => family.windows.test(driver));
}
