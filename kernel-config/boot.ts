import type { KernelConcern } from './concern.ts';

/** From the boot loader to PID 1: unpacking the initramfs, the file systems of an empty root, what Node and udev call. */
export const boot: KernelConcern = {
  name: 'boot',
  options: [
    { option: 'CONFIG_BLK_DEV_INITRD', want: 'y', reason: 'the whole system is an initramfs' },
    { option: 'CONFIG_RD_ZSTD', want: 'y', reason: 'the initramfs is compressed with zstd' },
    { option: 'CONFIG_RD_XZ', want: 'y', reason: 'and its programs with xz' },
    { option: 'CONFIG_BINFMT_ELF', want: 'y', reason: 'busybox, udev and Node are ELF files' },
    { option: 'CONFIG_BINFMT_SCRIPT', want: 'y', reason: '/init is a script' },
    { option: 'CONFIG_DEVTMPFS', want: 'y', reason: 'device nodes in /dev' },
    { option: 'CONFIG_TMPFS', want: 'y', reason: '/run and /tmp' },
    { option: 'CONFIG_PROC_FS', want: 'y', reason: 'the command line, memory and mounts' },
    { option: 'CONFIG_SYSFS', want: 'y', reason: 'what the disks and NICs are' },
    { option: 'CONFIG_UNIX', want: 'y', reason: "udev's control socket" },
    { option: 'CONFIG_FUTEX', want: 'y', reason: "Node's threads" },
    { option: 'CONFIG_EPOLL', want: 'y', reason: "Node's event loop" },
    { option: 'CONFIG_EVENTFD', want: 'y', reason: "Node's event loop" },
    { option: 'CONFIG_SIGNALFD', want: 'y', reason: 'udev' },
    { option: 'CONFIG_INOTIFY_USER', want: 'y', reason: 'udev watches block devices that were written' },
    { option: 'CONFIG_DMIID', want: 'y', reason: 'the machine is known by its SMBIOS serial number and UUID' },
    {
      option: 'CONFIG_X86_ACPI_CPUFREQ',
      want: 'm',
      reason: 'older processors stay at their boot frequency without it',
      on: 'amd64',
    },
    { option: 'CONFIG_ACPI', want: 'y', reason: 'servers and PCs describe themselves by ACPI' },
    { option: 'CONFIG_RTC_DRV_EFI', want: 'y', reason: 'the clock of servers without one of their own', on: 'arm64' },
  ],
  modules: ['dmi-sysfs', 'efivarfs'],
  modulesOn: { amd64: ['acpi-cpufreq', 'rtc-cmos'], arm64: ['cppc_cpufreq'] },
};
