import type { KernelConcern } from './concern.ts';

/** Noticing that the machine is stuck or ill: lockup detectors, machine checks, the BMC. */
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
    { option: 'CONFIG_IPMI_SI', want: 'm', reason: 'the address of the BMC, for power control' },
  ],
  modules: ['ipmi_si', 'ipmi_devintf', 'ipmi_ssif'],
};
