// Which Debian packages the Deploy-OS is made of, what is taken out of each, and why it is there.

export type PackageChoice = {
  readonly name: string;
  readonly why: string;
  /** Globs of the files that go in. Libraries name none: those that a chosen program needs are found by themselves. */
  readonly files?: readonly string[];
};

/** The meta package that always depends on the newest signed 6.12 kernel. */
export const kernelMetaPackage = 'linux-image-6.12-amd64';

const udevRules = [
  '50-udev-default',
  '50-firmware',
  '60-block',
  '60-cdrom_id',
  '60-persistent-storage',
  '60-serial',
  '73-special-net-names',
  '75-net-description',
  '80-drivers',
  '80-net-setup-link',
];

/** What goes into the system's root. */
export const systemPackages: readonly PackageChoice[] = [
  { name: 'busybox-static', why: 'PID 1, the shell, udhcpc, ip, mount', files: ['bin/busybox'] },
  { name: 'kmod', why: 'loads compressed modules', files: ['bin/kmod', 'bin/lsmod', 'sbin/*'] },
  {
    name: 'udev',
    why: 'loads drivers, names disks by what they are',
    files: [
      'bin/udevadm',
      'lib/systemd/systemd-udevd',
      'lib/systemd/network/99-default.link',
      'lib/udev/{ata_id,scsi_id,cdrom_id}',
      `lib/udev/rules.d/{${udevRules.join(',')}}.rules`,
      'etc/udev/udev.conf',
    ],
  },
  {
    name: 'util-linux',
    why: 'discard, re-read of partitions, what is on a disk',
    files: ['sbin/{blkid,blkdiscard,blockdev}', 'usr/bin/fallocate'],
  },
  { name: 'libc6', why: 'everything but busybox' },
  { name: 'libstdc++6', why: 'Node' },
  { name: 'libgcc-s1', why: 'Node' },
  { name: 'libkmod2', why: 'udev' },
  { name: 'liblzma5', why: 'kmod' },
  { name: 'libzstd1', why: 'kmod' },
  { name: 'libssl3', why: 'kmod' },
  { name: 'libacl1', why: 'udev' },
  { name: 'libcap2', why: 'udev' },
  { name: 'libselinux1', why: 'udev' },
  { name: 'libpcre2-8-0', why: 'libselinux1' },
  { name: 'libblkid1', why: 'udev, util-linux' },
];

/** What starts the kernel: boot loaders, and the tool that makes GRUB's image for BIOS. */
export const bootPackages: readonly PackageChoice[] = [
  { name: 'shim-signed', why: 'Secure Boot: signed by Microsoft' },
  { name: 'shim-helpers-amd64-signed', why: 'shim: its key manager' },
  { name: 'grub-efi-amd64-signed', why: 'UEFI from CD, USB and network: signed by Debian' },
  { name: 'grub-pc-bin', why: 'BIOS from CD and USB' },
  { name: 'grub-common', why: 'grub-mkimage, run from the cache' },
  { name: 'libdevmapper1.02.1', why: 'grub-mkimage' },
  { name: 'libudev1', why: 'libdevmapper1.02.1' },
  { name: 'ipxe', why: 'BIOS from the network' },
];
