import type { KernelConcern } from './concern.ts';

/** Noticing that the machine is stuck or ill: watchdogs, lockup detectors, machine checks, the BMC. */
export const health: KernelConcern = {
  name: 'health',
  options: [
    { option: 'CONFIG_SOFTLOCKUP_DETECTOR', want: 'y', reason: 'lockups reach the report of the job' },
    { option: 'CONFIG_DETECT_HUNG_TASK', want: 'y', reason: 'disks that do not answer reach the report of the job' },
    {
      option: 'CONFIG_X86_MCE',
      want: 'y',
      reason: 'memory and processor errors reach the report of the job',
      on: 'amd64',
    },
    { option: 'CONFIG_SOFT_WATCHDOG', want: 'm', reason: 'a restart when the agent is stuck, on any machine' },
    { option: 'CONFIG_ITCO_WDT', want: 'm', reason: 'the watchdog of Intel chipsets', on: 'amd64' },
    { option: 'CONFIG_ARM_SBSA_WATCHDOG', want: 'm', reason: 'the watchdog of servers', on: 'arm64' },
    { option: 'CONFIG_IPMI_SI', want: 'm', reason: 'the address of the BMC, for power control' },
  ],
  modules: ['softdog', 'wdat_wdt', 'i6300esb', 'ipmi_si', 'ipmi_devintf', 'ipmi_ssif'],
  modulesOn: { amd64: ['iTCO_wdt', 'sp5100_tco', 'hpwdt'], arm64: ['sbsa_gwdt'] },
};
