// What GRUB, which UEFI machines load behind shim, is told; `initramfs/boot/netboot.cfg` is what it runs before and after.
import path from 'node:path';
import { type BootFacts, kernelCommandLine } from './kernel-command-line.ts';

/** Below the TFTP tree: the scripts of machines that are booting now (tftp-scripts.ts). */
export const machineScriptsDir = 'grub/machines';

/** Seconds between one question and the next; the script is there a moment after the first. */
const pauses = '1 1 1 2 2 5 5 10';

/**
 * The file `grub/deploy-os.cfg` in the TFTP tree, the same for all: asks for the script of this machine. Debian's signed GRUB has no HTTP
 * and, under Secure Boot, loads no module: so it asks by TFTP, for a file that is not there before somebody has asked.
 */
export function writeFirstGrubScript(): string {
  return script([
    'set uuid=',
    // Set in initramfs/boot/http-boot.cfg; after PXE, GRUB knows it by itself.
    'if [ -z "$deploy_mac" ]; then set deploy_mac=$net_default_mac; fi',
    'smbios --type 1 --get-uuid 8 --set uuid',
    `set machine="$prefix/${path.basename(machineScriptsDir)}/\${uuid}_$deploy_mac.cfg"`,
    `for pause in ${pauses}; do`,
    '  if [ -z "$deploy_options" ]; then source "$machine"; fi',
    '  if [ -z "$deploy_options" ]; then sleep $pause; fi',
    'done',
    'if [ -z "$deploy_options" ]; then',
    '  echo "The Deploy-OS server did not answer; going on with the next boot option"',
    '  sleep 10',
    '  exit',
    'fi',
  ]);
}

/** With this much time a notice can be read. */
const noticeSeconds = 10;

export function writeDeployGrubScript(facts: BootFacts): string {
  const { paths, notice } = facts;
  return script([
    ...(notice === null ? [] : [`echo '${notice}'`, `sleep ${noticeSeconds}`]),
    ...Object.entries(paths).flatMap(([name, file]) => (file === null ? [] : [`set deploy_${name}='${file}'`])),
    // Quoted, it is one word whatever stands in it; the arguments themselves hold no quote (see protocol/boot-profile.ts).
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
