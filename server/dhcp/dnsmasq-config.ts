// The configuration of dnsmasq, which does DHCP (or proxy-DHCP) and TFTP for us; every line by dnsmasq(8).
import type { DhcpConfig } from '../config.ts';

export type DnsmasqFacts = DhcpConfig & {
  /** `ADDRESS:PORT` of the plain HTTP boot files. */
  readonly server: string;
  /** The interface's own address and netmask. */
  readonly address: string;
  readonly netmask: string;
  readonly tftpDir: string;
  readonly leaseFile: string;
  /** Whom dnsmasq becomes once it has its ports. */
  readonly user: string;
};

// RFC 4578 2.1: 0 BIOS; 7 and 9 x86-64 UEFI (both numbers are in the field for the same thing).
const biosBootFile = 'undionly.kpxe';
const uefiBootFile = 'shimx64.efi';

export function writeDnsmasqConfig(facts: DnsmasqFacts): string {
  return `${[...common(facts), ...(facts.range === 'proxy' ? proxy(facts) : full(facts, facts.range))].join('\n')}\n`;
}

function common(facts: DnsmasqFacts): string[] {
  return [
    '# Written by deploy-os at each start; changes are lost.',
    'keep-in-foreground',
    'log-facility=-',
    'log-dhcp',
    'port=0', // no DNS
    `interface=${facts.interfaceName}`,
    'except-interface=lo',
    'bind-dynamic', // only this interface, and it may come up later
    'no-hosts',
    'no-resolv',
    `user=${facts.user}`,
    `dhcp-leasefile=${facts.leaseFile}`,
    'enable-tftp',
    `tftp-root=${facts.tftpDir}`,
    'tftp-no-fail',
    // A classroom that is switched on at once; and transfers whose machine has gone stay for minutes. Each is an open file: 1024 are usual.
    'tftp-max=500',
    // Only iPXE sends option 175; what has loaded us once already is told the URL and not the boot file again.
    'dhcp-match=set:ipxe,175',
    'dhcp-userclass=set:ipxe,iPXE',
    'dhcp-match=set:uefi,option:client-arch,7',
    'dhcp-match=set:uefi,option:client-arch,9',
    `dhcp-boot=tag:ipxe,http://${facts.server}/boot/ipxe`,
    `dhcp-boot=tag:!ipxe,tag:uefi,${uefiBootFile}`,
    `dhcp-boot=tag:!ipxe,tag:!uefi,${biosBootFile}`,
  ];
}

function full({ address, netmask }: DnsmasqFacts, range: { first: string; last: string }): string[] {
  return [
    'dhcp-authoritative',
    // Without this it sends an address a ping and waits for three seconds, in which it hears nobody, before it offers it: a flood of questions, or a
    // classroom, would make it deaf. It knows its leases, and clients look themselves (RFC 5227).
    'no-ping',
    `dhcp-range=${range.first},${range.last},${netmask},1h`,
    // We serve no names and route nothing; saying so keeps clients from asking us.
    'dhcp-option=option:router',
    'dhcp-option=option:dns-server',
    `dhcp-option=option:tftp-server,${address}`,
  ];
}

function proxy({ address, netmask }: DnsmasqFacts): string[] {
  return [
    `dhcp-range=${address},proxy,${netmask}`,
    `pxe-service=tag:!ipxe,x86PC,"Deploy-OS",${biosBootFile}`,
    `pxe-service=tag:!ipxe,X86-64_EFI,"Deploy-OS",${uefiBootFile}`,
    `pxe-service=tag:!ipxe,BC_EFI,"Deploy-OS",${uefiBootFile}`,
  ];
}
