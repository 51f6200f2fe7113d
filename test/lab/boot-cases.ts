// The ways into the Deploy-OS, as data: a machine and the network that it finds, and by what its boot is to be known.
import type { MachineSpec } from '../../scripts/lab/machine-spec.ts';

type NicModel = NonNullable<MachineSpec['nics'][number]['model']>;

export type BootCase = {
  readonly name: string;
  readonly firmware: NonNullable<MachineSpec['firmware']>;
  /**
   * The firmware's own PXE or HTTP boot, the iPXE in the NIC's ROM, a BIOS ROM that loads `undionly.kpxe` (it is iPXE too, none other is to be
   * had, but is told the file as one that knows nothing of iPXE), or the ISO made for the server, with an address.
   */
  readonly by: 'pxe' | 'http' | 'ipxe' | 'undionly' | 'cd' | 'usb';
  /** The server's own DHCP; the server's proxy beside one that gives addresses only; one that has the lines of docs/operations/network-boot-your-dhcp-server.md; nobody's. */
  readonly dhcp: 'full' | 'proxy' | 'own' | 'none';
  /** Of the server: that of web servers, one below the ephemeral range, and two in it (R20). */
  readonly port: 443 | 7433 | 56020 | 40000;
  /** Boots. OVMF has a driver for virtio only. */
  readonly nic: NicModel;
  /** A NIC in a slot before it, with link and nobody behind it. */
  readonly addOn?: NicModel;
  /** It has the boot profile of that name: an overlay with one file of each, and an argument. */
  readonly profile?: 'firmware' | 'firmware and modules';
  readonly cpus?: 1;
  /** 512 unless given. */
  readonly memoryMiB?: 1024;
  /** What the server's log must say meanwhile, in this order, and what it must not. */
  readonly said: readonly string[];
  readonly unsaid: readonly string[];
  /** What the other rows and the tests of the server hold between them: run only when all are asked for. */
  readonly seldom?: true;
  /** The chipset's watchdog works. When the job has ended the agent is stopped: the machine must be reset, and go on to its own disk. */
  readonly watchdog?: true;
};

/** From here on Linux takes ports for the near ends of outgoing connections, which the server has to say (R20). */
export const firstEphemeralPort = 32768;

/** By model. */
export const nicDrivers: Readonly<Record<NicModel, string>> = {
  'virtio-net-pci': 'virtio_net',
  e1000: 'e1000',
  e1000e: 'e1000e',
  rtl8139: '8139cp',
  vmxnet3: 'vmxnet3',
  // Has no link without its firmware, which the Deploy-OS lacks.
  i82551: 'e100',
};

const image = '"/boot/http-boot.img"';
const tftp = (file: string): string => `/boot/tftp/${file} to `;
const pxe = { said: ['shimx64.efi', 'grubx64.efi', 'vmlinuz', 'initramfs.img'].map(tftp), unsaid: [image] };
// shim and GRUB come in one image; Debian's signed GRUB has no HTTP, so the rest comes by TFTP.
const http = { said: [image, tftp('vmlinuz'), tftp('initramfs.img')], unsaid: [tftp('shimx64.efi')] };
const ipxe = {
  said: ['"/boot/ipxe"', '"/boot/script"', '"/boot/vmlinuz"', '"/boot/initramfs.img"'],
  unsaid: [tftp('undionly.kpxe'), tftp('shimx64.efi')],
};

const undionly = { said: [tftp('undionly.kpxe'), ...ipxe.said], unsaid: [tftp('shimx64.efi')] };

/** The last file is the profile's. */
const pxeByProfile = { ...pxe, said: [...pxe.said, '/overlay.cpio to '] };
const ipxeByProfile = { ...ipxe, said: [...ipxe.said, '/overlay.cpio"'] };

// GRUB would look for its files on the other DHCP server.
const pxeByProxy = { said: [tftp('snponly.efi'), ...ipxe.said], unsaid: [tftp('shimx64.efi')] };
const medium = {
  said: ['"/v1/boot-token"'],
  unsaid: ['"/boot/script"', '"/boot/initramfs.img"', tftp('initramfs.img')],
};

export const bootCases: readonly BootCase[] = [
  {
    name: 'PXE',
    firmware: 'uefi-secure-boot',
    by: 'pxe',
    dhcp: 'full',
    port: 40000,
    nic: 'virtio-net-pci',
    memoryMiB: 1024,
    profile: 'firmware',
    ...pxeByProfile,
    watchdog: true,
  },
  {
    name: 'HTTP',
    firmware: 'uefi',
    by: 'http',
    dhcp: 'full',
    port: 40000,
    nic: 'virtio-net-pci',
    ...http,
    seldom: true,
  },
  { name: 'HTTP', firmware: 'uefi-secure-boot', by: 'http', dhcp: 'proxy', port: 443, nic: 'virtio-net-pci', ...http },
  {
    name: 'PXE',
    firmware: 'uefi',
    by: 'pxe',
    dhcp: 'proxy',
    port: 443,
    nic: 'virtio-net-pci',
    cpus: 1,
    ...pxeByProxy,
    seldom: true,
  },
  {
    name: 'iPXE',
    firmware: 'bios',
    by: 'ipxe',
    dhcp: 'proxy',
    port: 443,
    nic: 'e1000e',
    addOn: 'i82551',
    profile: 'firmware',
    ...ipxeByProfile,
  },
  { name: 'iPXE', firmware: 'uefi', by: 'ipxe', dhcp: 'own', port: 7433, nic: 'vmxnet3', ...ipxe, seldom: true },
  {
    name: 'PXE',
    firmware: 'uefi-secure-boot',
    by: 'pxe',
    dhcp: 'own',
    port: 7433,
    nic: 'virtio-net-pci',
    ...pxe,
    seldom: true,
  },
  { name: 'PXE', firmware: 'bios', by: 'undionly', dhcp: 'own', port: 7433, nic: 'e1000', ...undionly, seldom: true },
  { name: 'CD', firmware: 'uefi-secure-boot', by: 'cd', dhcp: 'none', port: 56020, nic: 'e1000', ...medium },
  { name: 'USB', firmware: 'bios', by: 'usb', dhcp: 'none', port: 56020, nic: 'rtl8139', cpus: 1, ...medium },
];
