// Which Debian packages the Deploy-OS is made of, what is taken out of each, and why it is there.

import type { Architecture } from '../kernel-config/concern.ts';
import { factsOf } from './architecture.ts';

export type PackageChoice = {
  readonly name: string;
  readonly why: string;
  /** Globs of the files that go in. Libraries name none: those that a chosen program needs are found by themselves. */
  readonly files?: readonly string[];
};

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

/**
 * What puts disks together (agent/1-boot/), what makes a file system larger or smaller and gives it a new id (imaging/fit/, imaging/shrink/),
 * and what looks into one (imaging/preflight/); they lie in an image of their own.
 */
export const toolPackages: readonly PackageChoice[] = [
  { name: 'e2fsprogs', why: 'ext', files: ['sbin/{e2fsck,resize2fs,tune2fs,debugfs}'] },
  { name: 'ntfs-3g', why: 'NTFS', files: ['bin/ntfsfix', 'sbin/{ntfsresize,ntfslabel}'] },
  { name: 'xfsprogs', why: 'XFS', files: ['sbin/xfs_repair', 'usr/sbin/{xfs_growfs,xfs_admin,xfs_db}'] },
  { name: 'btrfs-progs', why: 'Btrfs', files: ['bin/{btrfs,btrfstune}'] },
  { name: 'dosfstools', why: 'FAT', files: ['sbin/{fatlabel,fsck.fat}'] },
  { name: 'exfatprogs', why: 'exFAT', files: ['usr/sbin/tune.exfat'] },
  {
    name: 'util-linux',
    why: 'swap; a reader of FUSE that ends with us',
    files: ['sbin/{mkswap,swaplabel}', 'usr/bin/setpriv'],
  },
  {
    name: 'mount',
    why: 'a partition or a volume as a device of its own',
    files: ['sbin/losetup', 'bin/{mount,umount}'],
  },
  { name: 'smartmontools', why: "checks: a disk's own word on its health", files: ['usr/sbin/smartctl'] },
  {
    name: 'sg3-utils',
    why: 'captures and restores: who has reserved a shared disk, and whether a self-encrypting one is locked',
    files: ['usr/bin/{sg_persist,sg_raw}'],
  },
  { name: 'libsgutils2-1.46-2', why: 'sg3-utils' },
  { name: 'lvm2', why: 'LVM2', files: ['sbin/{lvm,pvs,pvresize,pvchange,pvck,vgs,vgck,vgchange,lvextend}'] },
  {
    name: 'mdadm',
    why: 'arrays of Linux and of firmware; mdmon keeps the metadata of the latter',
    files: ['sbin/{mdadm,mdmon}', 'lib/udev/rules.d/63-md-raid-arrays.rules'],
  },
  {
    name: 'multipath-tools',
    why: 'paths to one LUN fold into one disk, and fail over',
    files: ['sbin/{multipath,multipathd}', 'lib/multipath/lib{check,prio}*.so', 'lib/udev/rules.d/56-dm-mpath.rules'],
  },
  {
    name: 'dmsetup',
    why: "udev's part in device-mapper: names, and the word that a change is through",
    files: ['sbin/dmsetup', 'lib/udev/rules.d/{55-dm,60-persistent-storage-dm,95-dm-notify}.rules'],
  },
  { name: 'libdevmapper1.02.1', why: 'lvm2, multipath-tools, grub-mkimage' },
  { name: 'libudev1', why: 'libdevmapper1.02.1' },
  { name: 'kexec-tools', why: 'the restored Linux is started without firmware', files: ['sbin/kexec'] },
  { name: 'libxenmisc4.17', why: 'kexec-tools' },
  { name: 'libxencall1', why: 'kexec-tools' },
  { name: 'libxendevicemodel1', why: 'kexec-tools' },
  { name: 'libxenevtchn1', why: 'kexec-tools' },
  { name: 'libxenforeignmemory1', why: 'kexec-tools' },
  { name: 'libxengnttab1', why: 'kexec-tools' },
  { name: 'libxentoollog1', why: 'kexec-tools' },
  { name: 'libxentoolcore1', why: 'kexec-tools' },
  { name: 'libext2fs2', why: 'e2fsprogs' },
  { name: 'libss2', why: 'e2fsprogs (debugfs)' },
  { name: 'libcom-err2', why: 'e2fsprogs' },
  { name: 'libuuid1', why: 'e2fsprogs, xfsprogs, btrfs-progs, util-linux' },
  { name: 'libntfs-3g89', why: 'ntfs-3g' },
  { name: 'liburcu8', why: 'xfsprogs, multipath-tools' },
  { name: 'libedit2', why: 'xfsprogs, lvm2' },
  { name: 'libtinfo6', why: 'libedit2' },
  { name: 'libbsd0', why: 'libedit2' },
  { name: 'libmd0', why: 'libbsd0' },
  { name: 'liblzo2-2', why: 'btrfs-progs' },
  { name: 'zlib1g', why: 'btrfs-progs' },
  { name: 'libsmartcols1', why: 'mount' },
  { name: 'libmount1', why: 'mount' },
  { name: 'libcap-ng0', why: 'util-linux' },
  { name: 'libdevmapper-event1.02.1', why: 'lvm2' },
  { name: 'libaio1', why: 'lvm2, multipath-tools' },
  { name: 'libsystemd0', why: 'lvm2' },
  { name: 'libgcrypt20', why: 'libsystemd0' },
  { name: 'libgpg-error0', why: 'libgcrypt20' },
  { name: 'liblz4-1', why: 'libsystemd0' },
];

/** What is taken out of and made into something else (stages/console-font.ts). */
export const sourcePackages: readonly PackageChoice[] = [
  { name: 'xfonts-shinonome', why: 'Japanese on the screen; public domain' },
];

/** Of PCs alone: BIOS, the tool that makes GRUB's image for it, and iPXE, which Debian has for no other processor. */
const pcPackages: readonly PackageChoice[] = [
  { name: 'grub-pc-bin', why: 'BIOS from CD and USB' },
  { name: 'grub-common', why: 'grub-mkimage, run from the cache' },
  { name: 'ipxe', why: 'BIOS from the network' },
];

/** What starts the kernel. */
export function bootPackagesOf(architecture: Architecture): readonly PackageChoice[] {
  const { grubPackage, shimHelpersPackage } = factsOf[architecture].efi;
  return [
    { name: 'shim-signed', why: 'Secure Boot: signed by Microsoft' },
    { name: shimHelpersPackage, why: 'shim: its key manager' },
    { name: grubPackage, why: 'UEFI from CD, USB and network: signed by Debian' },
    ...(architecture === 'amd64' ? pcPackages : []),
  ];
}
