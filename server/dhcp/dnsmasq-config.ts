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
  /** Whether there are boot files for arm64, too. */
  readonly arm64: boolean;
  /** Whom dnsmasq becomes once it has its ports. */
  readonly user: string;
};

// RFC 4578 2.1: 0 BIOS; 7 and 9 x86-64 UEFI (both numbers are in the field for the same thing).
const biosBootFile = 'undionly.kpxe';
const uefiBootFile = 'shimx64.efi';
/**
 * Beside another DHCP server GRUB would look for its configuration there, and stay at its prompt: it knows no proxy
 * (github.com/rhboot/grub2/pull/87). iPXE does, but is not signed: with Secure Boot the firmware refuses it and goes on.
 */
const uefiProxyBootFile = 'snponly.efi';
/** What PCs load by TFTP before anything else. */
export const loaders = [biosBootFile, uefiBootFile, uefiProxyBootFile];
/** RFC 4578 as IANA continues it: 11 is arm64 UEFI, 19 the same by HTTP. Debian has no iPXE for it: beside another DHCP server it boots by HTTP alone. */
const arm64BootFile = 'shimaa64.efi';
const ipxeScript = '/boot/ipxe';
const httpBootImage = '/boot/http-boot.img';
const arm64HttpBootImage = '/boot/arm64/http-boot.img';
/** What they load by HTTP, below the server's address; what each offer names is one of these or a loader. */
export const httpBootFiles = [ipxeScript, httpBootImage, arm64HttpBootImage];

/** UEFI specification 2.10, 24.7.2: how a machine says that it boots by HTTP, and what the answer must say; architecture 16 is x86-64 (RFC 5970, IANA). */
const httpClient = 'HTTPClient';

export function writeDnsmasqConfig(facts: DnsmasqFacts): string {
  return `${[...common(facts), ...dhcp(facts)].join('\n')}\n`;
}

/** Without a range dnsmasq answers nothing but TFTP. */
function dhcp(facts: DnsmasqFacts): string[] {
  if (facts.range === 'tftp') return [];
  if (facts.range === 'proxy') return [...bootFiles(facts, uefiProxyBootFile), ...arm64(facts), ...proxy(facts)];
  return [...bootFiles(facts, uefiBootFile), ...arm64(facts), ...full(facts, facts.range)];
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
  ];
}

function bootFiles({ server, address }: DnsmasqFacts, uefi: string): string[] {
  return [
    // Only iPXE sends option 175; what has loaded us once already is told the URL and not the boot file again.
    'dhcp-match=set:ipxe,175',
    'dhcp-userclass=set:ipxe,iPXE',
    'dhcp-match=set:uefi,option:client-arch,7',
    'dhcp-match=set:uefi,option:client-arch,9',
    `dhcp-vendorclass=set:http,${httpClient}:Arch:00016`,
    // iPXE takes a proxy's offer only with a server's address in it, needed or not (github.com/ipxe/ipxe/issues/954).
    `dhcp-boot=tag:ipxe,http://${server}${ipxeScript},,${address}`,
    `dhcp-boot=tag:http,http://${server}${httpBootImage}`,
    `dhcp-option-force=tag:http,option:vendor-class,${httpClient}`,
    `dhcp-boot=tag:!ipxe,tag:!http,tag:uefi,${uefi}`,
    'dhcp-match=set:arm64,option:client-arch,11',
    'dhcp-match=set:arm64,option:client-arch,19',
    `dhcp-boot=tag:!ipxe,tag:!http,tag:!uefi,tag:!arm64,${biosBootFile}`,
  ];
}

function arm64(facts: DnsmasqFacts): string[] {
  if (!facts.arm64) return [];
  return [
    `dhcp-vendorclass=set:arm64-http,${httpClient}:Arch:00019`,
    `dhcp-boot=tag:arm64-http,http://${facts.server}${arm64HttpBootImage}`,
    `dhcp-option-force=tag:arm64-http,option:vendor-class,${httpClient}`,
    ...(facts.range === 'proxy' ? [] : [`dhcp-boot=tag:!ipxe,tag:!arm64-http,tag:arm64,${arm64BootFile}`]),
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
    `dhcp-pxe-vendor=PXEClient,${httpClient}`,
    `pxe-service=tag:!ipxe,x86PC,"Deploy-OS",${biosBootFile}`,
    `pxe-service=tag:!ipxe,X86-64_EFI,"Deploy-OS",${uefiProxyBootFile}`,
    `pxe-service=tag:!ipxe,BC_EFI,"Deploy-OS",${uefiProxyBootFile}`,
  ];
}
