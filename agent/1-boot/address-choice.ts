// First stage: where the machine's address comes from, as `deploy.ip` says it: DHCP, or one that was given.
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';

export type StaticAddress = {
  readonly kind: 'static';
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway: string | null;
  readonly dns: readonly string[];
};

export type AddressChoice = { readonly kind: 'dhcp' } | StaticAddress;

/** The C library asks no more (MAXNS, resolv.conf(5)). */
const maxDnsServers = 3;

/** What each part of an address that is given says; empty where it says nothing. */
export type AddressParts = { readonly own: string; readonly gateway: string; readonly dns: readonly string[] };

/** What is wrong, and with which part. */
export type AddressFault = { readonly part: keyof AddressParts; readonly fault: string };

/** Reads `dhcp` or `ADDRESS/PREFIX[,GATEWAY[,DNS...]]`; a string says what is wrong with which part. */
export function parseAddressChoice(text: string): AddressChoice | string {
  const choice = parseAddressParts(splitAddressChoice(text));
  return 'fault' in choice ? choice.fault : choice;
}

/** The parts of `dhcp` or `ADDRESS/PREFIX[,GATEWAY[,DNS...]]`, right or wrong. */
export function splitAddressChoice(text: string): AddressParts {
  const [own = '', gateway = '', ...dns] = text.split(',');
  return { own, gateway, dns };
}

export function parseAddressParts({ own, gateway, dns }: AddressParts): AddressChoice | AddressFault {
  if (own === 'dhcp') return withoutParts(gateway, dns) ?? { kind: 'dhcp' };
  const [address = '', prefix, ...rest] = own.split('/');
  if (!isAddress(address) || rest.length > 0) {
    return ownFault(`'${own}' is no address; dhcp or ADDRESS/PREFIX is wanted, for example 192.0.2.10/24`);
  }
  if (prefix === undefined) {
    return ownFault(`'${address}' lacks the length of its network's prefix, for example ${address}/24`);
  }
  const prefixLength = /^\d{1,3}$/.test(prefix) ? Number(prefix) : 0;
  const longest = isIPv4(address) ? 32 : 128;
  if (prefixLength < 1 || prefixLength > longest) {
    return ownFault(`'${prefix}' is no prefix length; a number from 1 to ${longest} is wanted`);
  }
  const chosen = normalise(address);
  return (
    partFault('own', addressFault(chosen, prefixLength)) ??
    partFault('gateway', gatewayFault(gateway, chosen, prefixLength)) ??
    partFault('dns', dnsFault(dns)) ?? {
      kind: 'static',
      address: chosen,
      prefixLength,
      gateway: gateway === '' ? null : normalise(gateway),
      dns: dns.filter((server) => server !== '').map(normalise),
    }
  );
}

const ownFault = (fault: string): AddressFault => ({ part: 'own', fault });

const partFault = (part: AddressFault['part'], fault: string | null): AddressFault | null =>
  fault === null ? null : { part, fault };

function withoutParts(gateway: string, dns: readonly string[]): AddressFault | null {
  const [part, given] = gateway === '' ? (['dns', dns.join('')] as const) : (['gateway', gateway] as const);
  return given === '' ? null : { part, fault: `'${given}' is one too many: with dhcp the DHCP server says it` };
}

/** The first address of the network, which routes name it by; IPv4 only. */
export function networkOf(address: string, prefixLength: number): string {
  return fromNumber(toNumber(address) & maskOf(prefixLength));
}

/** Of this host, of this network, multicast and reserved (RFC 6890); `::ffff:0:0/96` would be IPv4 (RFC 4291, 2.5.5.2). */
const special = {
  ipv4: ['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/3'],
  ipv6: ['::/127', '::ffff:0:0/96', 'fe80::/10', 'ff00::/8'],
} as const;

function addressFault(address: string, prefixLength: number): string | null {
  const family = familyOf(address);
  const unfit = special[family].some((subnet) => isWithin(address, subnet));
  if (unfit) return `'${address}' is no address that a machine can have`;
  if (isIPv6(address) || prefixLength > 30) return null;
  const hostBits = toNumber(address) & ~maskOf(prefixLength);
  if (hostBits === 0) return `'${address}' is the address of the network ${address}/${prefixLength} itself`;
  if (hostBits === ~maskOf(prefixLength)) return `'${address}' is the broadcast address of its network`;
  return null;
}

function gatewayFault(gateway: string, address: string, prefixLength: number): string | null {
  if (gateway === '') return null;
  if (!isAddress(gateway)) return `'${gateway}' is no address of a gateway`;
  const family = familyOf(address);
  if (familyOf(gateway) !== family) return `the gateway '${gateway}' and the address '${address}' are not of one kind`;
  if (normalise(gateway) === address) return `the gateway '${gateway}' is the machine's own address`;
  const near = new BlockList();
  near.addSubnet(address, prefixLength, family);
  near.addSubnet('fe80::', 10, 'ipv6');
  return near.check(gateway, family)
    ? null
    : `the gateway '${gateway}' is not in the network ${address}/${prefixLength}`;
}

function dnsFault(dns: readonly string[]): string | null {
  const wrong = dns.find((server) => server !== '' && !isAddress(server));
  if (wrong !== undefined) return `'${wrong}' is no address of a DNS server`;
  return dns.length > maxDnsServers ? `at most ${maxDnsServers} DNS servers can be asked` : null;
}

/** Without the zone (`fe80::1%eth0`) that Node takes for part of one. */
const isAddress = (text: string): boolean => isIP(text) !== 0 && !text.includes('%');

/** Both of one family. */
function isWithin(address: string, subnet: string): boolean {
  const [start = '', bits] = subnet.split('/');
  const list = new BlockList();
  list.addSubnet(start, Number(bits), familyOf(start));
  return list.check(address, familyOf(address));
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIPv4(address) ? 'ipv4' : 'ipv6');

/** As the kernel and Node write it. */
function normalise(address: string): string {
  return isIPv6(address) ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}

const maskOf = (prefixLength: number): number => -1 << (32 - prefixLength);

function toNumber(address: string): number {
  return address.split('.').reduce((number, part) => (number << 8) | Number(part), 0);
}

function fromNumber(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.');
}
