// What iPXE is told: first the same for all, then what this machine shall do.
import path from 'node:path';
import { type BootFacts, kernelCommandLine } from './kernel-command-line.ts';

/** The first script. Settings are those of iPXE 1.0.0 of 2015 and later, so that old ROMs go the same way. */
export function writeFirstScript(server: string): string {
  const facts = [
    ...['uuid', 'mac', 'serial:uristring', 'buildarch', 'platform'],
    'manufacturer:uristring',
    'product:uristring',
  ]
    .map((setting) => `${setting.split(':', 1)[0]}=\${${setting}}`)
    .join('&');
  return script([
    `chain --autofree http://${server}/boot/script?${facts} || goto failed`,
    ':failed',
    'echo The Deploy-OS server did not answer; going on in 10 s',
    'sleep 10',
    'exit 1',
  ]);
}

/** With this much time a notice can be read. */
const noticeSeconds = 10;

export function writeDeployScript(facts: BootFacts): string {
  const { server, paths, notice } = facts;
  const archives = [paths.initramfs ?? 'initramfs.img', ...(paths.overlay === null ? [] : [paths.overlay])];
  // EFI stubs of the kernel find what is loaded beside them by its name; BIOS kernels ignore the argument.
  const names = archives.map((file) => `initrd=${path.basename(file)}`).join(' ');
  return script([
    ...(notice === null ? [] : [`echo ${notice}`, `sleep ${noticeSeconds}`]),
    `kernel http://${server}/boot/${paths.kernel ?? 'vmlinuz'} ${names} ${kernelCommandLine(facts)} || goto failed`,
    ...archives.map((file) => `initrd http://${server}/boot/${file} || goto failed`),
    'boot || goto failed',
    ':failed',
    'echo The Deploy-OS did not load; trying again in 10 s',
    'sleep 10',
    `chain --autofree http://${facts.server}/boot/ipxe`,
  ]);
}

/** On to the machine's own disk. */
export function writeLocalScript(platform: string): string {
  const say = 'echo No job for this machine: booting from its own disk';
  // UEFI goes on to its next boot option by itself; a BIOS would often try the network again.
  return script(platform === 'efi' ? [say, 'exit'] : [say, 'sanboot --no-describe --drive 0x80 || exit']);
}

export function writeUnknownScript(): string {
  return script(['echo This machine has neither a usable UUID nor a MAC address', 'sleep 10', 'exit 1']);
}

function script(lines: readonly string[]): string {
  return `${['#!ipxe', ...lines].join('\n')}\n`;
}
