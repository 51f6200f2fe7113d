import type { KernelConcern } from './concern.ts';

/** A machine that hangs is reset (docs/decisions/035-watchdog-and-kexec.md). udev loads what it finds; softdog is loaded by the agent where there is nothing else. */
export const watchdog: KernelConcern = {
  name: 'watchdog',
  options: [
    { option: 'CONFIG_WATCHDOG', want: 'y', reason: 'timers that reset a machine which hangs' },
    { option: 'CONFIG_WATCHDOG_SYSFS', want: 'y', reason: "a timer's name and time, which Node cannot ask by ioctl" },
    {
      option: 'CONFIG_WATCHDOG_HANDLE_BOOT_ENABLED',
      want: 'y',
      reason: 'one that the firmware has started is fed until the agent does it',
    },
    { option: 'CONFIG_ITCO_WDT', want: 'm', reason: 'the timer of Intel chipsets', on: 'amd64' },
    { option: 'CONFIG_LPC_ICH', want: 'm', reason: 'shows it on chipsets up to 2014', on: 'amd64' },
    { option: 'CONFIG_I2C_I801', want: 'm', reason: 'shows it on chipsets from 2015 on', on: 'amd64' },
    { option: 'CONFIG_WDAT_WDT', want: 'm', reason: 'the one that the firmware describes (ACPI)' },
    { option: 'CONFIG_SP5100_TCO', want: 'm', reason: 'the timer of AMD chipsets', on: 'amd64' },
    { option: 'CONFIG_HP_WATCHDOG', want: 'm', reason: 'the iLO of ProLiant servers', on: 'amd64' },
    { option: 'CONFIG_ARM_SBSA_WATCHDOG', want: 'm', reason: 'the timer of servers', on: 'arm64' },
    { option: 'CONFIG_I6300ESB_WDT', want: 'm', reason: 'Intel 6300ESB, and what libvirt and QEMU offer' },
    { option: 'CONFIG_SOFT_WATCHDOG', want: 'm', reason: 'a restart when the agent is stuck, on any machine' },
  ],
  modules: ['softdog', 'wdat_wdt', 'i6300esb'],
  modulesOn: { amd64: ['iTCO_wdt', 'lpc_ich', 'i2c-i801', 'sp5100_tco', 'hpwdt'], arm64: ['sbsa_gwdt'] },
};
