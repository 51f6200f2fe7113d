// What `deploy-os build --kernel custom` changes of Debian's own configuration: a smaller kernel of the same drivers.
import { parseKernelConfig } from './check-kernel-config.ts';
import type { KernelConcern } from './concern.ts';

/** Built into Debian's kernel for other uses than this one; names without `CONFIG_`. */
export const leftOut: readonly { readonly reason: string; readonly options: readonly string[] }[] = [
  {
    reason: 'nobody has a key that firmware trusts: signatures would be checked against nothing',
    options: ['MODULE_SIG', 'KEXEC_SIG', 'SECURITY_LOCKDOWN_LSM', 'INTEGRITY'],
  },
  {
    reason: 'one program runs, as root: there is nobody to be kept apart',
    options: [
      'SECURITY_SELINUX',
      'SECURITY_TOMOYO',
      'SECURITY_APPARMOR',
      'SECURITY_YAMA',
      'SECURITY_LANDLOCK',
      'SECURITY_IPE',
      'AUDIT',
    ],
  },
  {
    reason: 'for those who develop or measure a kernel',
    options: [
      'DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT',
      'DEBUG_INFO_BTF',
      'FTRACE',
      'KPROBES',
      'UPROBES',
      'LIVEPATCH',
      'BPF_SYSCALL',
      'KALLSYMS_ALL',
      'DYNAMIC_DEBUG',
      'SLUB_DEBUG',
      'NUMA_EMU',
    ],
  },
  {
    reason: 'memory and time are not shared out among services',
    options: [
      'MEMCG',
      'BLK_CGROUP',
      'SCHED_AUTOGROUP',
      'CGROUP_SCHED',
      'CGROUP_PIDS',
      'CGROUP_RDMA',
      'CGROUP_FREEZER',
      'CGROUP_HUGETLB',
      'CPUSETS',
      'CGROUP_DEVICE',
      'CGROUP_CPUACCT',
      'CGROUP_PERF',
      'CGROUP_MISC',
      'CGROUP_NET_PRIO',
      'CGROUP_NET_CLASSID',
      'KSM',
      'DAMON',
    ],
  },
  { reason: 'there is no swap, and nothing to sleep for', options: ['SWAP', 'HIBERNATION', 'SUSPEND'] },
  {
    reason: 'it is a client on a wire: it filters, shapes and routes nothing',
    options: ['NETFILTER', 'NET_SCHED', 'MPTCP', 'WIRELESS', 'WLAN'],
  },
  {
    reason: 'it is no host of machines, and every program is of 64 bits',
    options: ['XEN_DOM0', 'VIRTUALIZATION', 'IA32_EMULATION'],
  },
  { reason: 'quotas of file systems that are grown are not used', options: ['QUOTA', 'XFS_QUOTA'] },
  { reason: 'no sound, no pictures', options: ['SOUND', 'DRM', 'MEDIA_SUPPORT', 'RC_CORE', 'STAGING'] },
  { reason: 'modules are packed together as an image', options: ['MODULE_COMPRESS_ALL'] },
];

/** Ends the kernel's release, by which its modules are found. */
const releaseSuffix = '-deploy-os';

const set: readonly string[] = [
  'CONFIG_DEBUG_INFO_NONE=y',
  // Debian's keys lie in its source package alone.
  'CONFIG_SYSTEM_TRUSTED_KEYS=""',
  // In the image, and so in the way of the same bytes from the same inputs.
  'CONFIG_BUILD_SALT=""',
  `CONFIG_LOCALVERSION="${releaseSuffix}"`,
];

/** Lines of a kernel's configuration for merge_config.sh: what is left out, and what the concerns ask for, as Debian has it. */
export function writeFragment(concerns: readonly KernelConcern[], debianConfig: string): string {
  const debian = parseKernelConfig(debianConfig);
  const dropped = leftOut.flatMap(({ options }) => options.map((option) => `# CONFIG_${option} is not set`));
  const wanted = concerns.flatMap(({ options }) =>
    options.map(({ option, want }) => `${option}=${debian.get(option) ?? want}`),
  );
  return `${[...dropped, ...set, ...wanted].join('\n')}\n`;
}

/** The lines of a fragment that a configuration does not keep: what something else selects, or what depends on something that is not there. */
export function listUnkept(fragment: string, config: string): string[] {
  const values = parseKernelConfig(config);
  return fragment.split('\n').filter((line) => {
    const [, option = '', value] = /^(?:# )?(CONFIG_\w+)(?:=(.*)| is not set)$/.exec(line) ?? [];
    return option !== '' && values.get(option) !== value;
  });
}
