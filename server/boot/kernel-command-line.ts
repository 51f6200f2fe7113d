// What the kernel, and behind it the agent, is told whatever boot loader says it (docs/agent.md).
import type { BootPaths } from '../boot-profiles/boot-of.ts';

/** Everything about a boot of the Deploy-OS: what stands on the kernel's command line, and which files are loaded. */
export type BootFacts = {
  /** `ADDRESS:PORT` */
  readonly server: string;
  readonly caFingerprint: string;
  readonly token: string;
  /** Of the NIC that the firmware booted from, with colons. */
  readonly mac: string | null;
  readonly kernelArguments: string;
  readonly paths: BootPaths;
  /** What the screen is to say before it boots. */
  readonly notice: string | null;
};

export function kernelCommandLine(facts: BootFacts): string {
  return [
    `deploy.server=https://${facts.server}`,
    `deploy.ca=${facts.caFingerprint}`,
    `deploy.token=${facts.token}`,
    'deploy.ip=dhcp',
    // pxelinux's way to say which NIC booted: the hardware type, then the address with dashes
    facts.mac === null ? '' : `BOOTIF=01-${facts.mac.replaceAll(':', '-')}`,
    'console=ttyS0,115200',
    'console=tty0',
    facts.kernelArguments,
  ]
    .filter((argument) => argument !== '')
    .join(' ');
}
