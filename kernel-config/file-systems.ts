import type { KernelConcern } from './concern.ts';

/** File systems that are mounted: the images of Node and the tools, the boot medium, XFS and Btrfs, which only the kernel grows, and what a restored Linux is on. */
export const fileSystems: KernelConcern = {
  name: 'file-systems',
  options: [
    { option: 'CONFIG_ISO9660_FS', want: 'm', reason: 'the boot CD' },
    { option: 'CONFIG_VFAT_FS', want: 'm', reason: 'the settings file on a USB stick' },
    { option: 'CONFIG_NLS_CODEPAGE_437', want: 'm', reason: 'vfat does not mount without its code page' },
    { option: 'CONFIG_BLK_DEV_LOOP', want: 'm', reason: 'Node lies in an image of its own' },
    { option: 'CONFIG_SQUASHFS', want: 'm', reason: 'Node lies in an image of its own' },
    { option: 'CONFIG_SQUASHFS_XZ', want: 'y', reason: "the compression of Node's image" },
    { option: 'CONFIG_XZ_DEC_X86', want: 'y', reason: "the compression of Node's image", on: 'amd64' },
    { option: 'CONFIG_XZ_DEC_ARM64', want: 'y', reason: 'the compression of the programs', on: 'arm64' },
    { option: 'CONFIG_XFS_FS', want: 'm', reason: 'XFS is grown while it is mounted' },
    { option: 'CONFIG_BTRFS_FS', want: 'm', reason: 'Btrfs is grown while it is mounted' },
    { option: 'CONFIG_EXT4_FS', want: 'm', reason: 'files of a restored Linux are changed' },
    { option: 'CONFIG_FUSE_FS', want: 'y', reason: 'a logical volume that grows is shown as a FUSE file' },
  ],
  modules: [
    ...['isofs', 'vfat', 'nls_cp437', 'nls_ascii', 'nls_iso8859-1', 'nls_utf8', 'squashfs', 'loop'],
    ...['ext4', 'xfs', 'btrfs'],
  ],
};
