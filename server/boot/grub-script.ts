// What GRUB, which UEFI machines load behind shim, is told; `initramfs/boot/netboot.cfg` is what it runs before and after.
import { type BootFacts, kernelCommandLine } from './kernel-command-line.ts';

/** The file `grub/deploy-os.cfg` in the TFTP tree, the same for all: asks for the script of this machine. */
export function writeFirstGrubScript(server: string): string {
  return script([
    'set uuid=',
    'smbios --type 1 --get-uuid 8 --set uuid',
    // In quotes, because & and ? mean something to GRUB; variables are still replaced.
    `source "(http,${server})/boot/grub?uuid=$uuid&mac=$net_default_mac"`,
  ]);
}

export function writeDeployGrubScript(facts: BootFacts): string {
  return script([
    `set deploy_files="(http,${facts.server})/boot"`,
    // Quoted, it is one word whatever stands in it; the arguments themselves hold no quote (see config.ts).
    `set deploy_options='${kernelCommandLine(facts)}'`,
  ]);
}

/** The firmware goes on to its next boot option. */
export function writeLocalGrubScript(): string {
  return script(['echo "No job for this machine: booting from its own disk"', 'exit']);
}

export function writeUnknownGrubScript(): string {
  return script(['echo "This machine has neither a usable UUID nor a MAC address"', 'sleep 10', 'exit']);
}

function script(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}
