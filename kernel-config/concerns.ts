// Every concern of the kernel, in the order in which a person would ask: does it boot, what does it show, what can it reach.
import { arrays } from './arrays.ts';
import { boot } from './boot.ts';
import type { Architecture, KernelConcern } from './concern.ts';
import { console } from './console.ts';
import { crypto } from './crypto.ts';
import { fileSystems } from './file-systems.ts';
import { health } from './health.ts';
import { modules } from './modules.ts';
import { networkCore } from './network-core.ts';
import { networkEthernet } from './network-ethernet.ts';
import { networkUsb } from './network-usb.ts';
import { secureBoot } from './secure-boot.ts';
import { storageMmc } from './storage-mmc.ts';
import { storageNvme } from './storage-nvme.ts';
import { storageSata } from './storage-sata.ts';
import { storageScsi } from './storage-scsi.ts';
import { storageUsb } from './storage-usb.ts';
import { virtualMachines } from './virtual-machines.ts';
import { watchdog } from './watchdog.ts';

export const concerns: readonly KernelConcern[] = [
  boot,
  modules,
  secureBoot,
  console,
  fileSystems,
  storageSata,
  storageScsi,
  storageNvme,
  storageUsb,
  storageMmc,
  arrays,
  networkCore,
  networkEthernet,
  networkUsb,
  virtualMachines,
  health,
  watchdog,
  crypto,
];

/** What they ask of the kernel of one processor; `signed`: of one that Secure Boot starts. */
export function concernsOf(
  architecture: Architecture,
  { signed }: { signed: boolean } = { signed: true },
): KernelConcern[] {
  return concerns.map(({ modulesOn, ...concern }) => ({
    ...concern,
    options: concern.options.filter(
      ({ on, signedOnly }) => (on === undefined || on === architecture) && (signed || signedOnly !== true),
    ),
    modules: [...concern.modules, ...(modulesOn?.[architecture] ?? [])],
  }));
}
