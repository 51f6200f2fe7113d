// Second stage: the address that was given on the kernel command line, on one NIC at a time.
import { readFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { networkOf, type StaticAddress } from '../1-boot/address-choice.ts';
import { busybox, ip } from './tools.ts';

/** IFA_F_TENTATIVE and IFA_F_DADFAILED, include/uapi/linux/if_addr.h */
const tentative = 0x40;
const dadFailed = 0x08;

/** `ready`: it can be used. `checking`: the kernel still asks whether another machine has it. `taken`: one has. */
export type AddressState = 'ready' | 'checking' | 'taken';

/**
 * Gives `device` the address, its routes, and a routing table of its own, chosen by source address (as dhcp.ts does). An address that another machine
 * in the network answers for is not taken, and the answer is `taken`.
 */
export async function setStaticAddress(device: string, choice: StaticAddress): Promise<AddressState> {
  const { address, prefixLength, gateway } = choice;
  const [family, network] = isIPv4(address) ? ['-4', networkOf(address, prefixLength)] : ['-6', address];
  if (!(await hasAddress(device, address))) {
    if (isIPv4(address) && (await isTaken(device, address))) return 'taken';
    await ip(family, 'addr', 'add', `${address}/${prefixLength}`, 'dev', device);
  }
  const table = await tableOf(device);
  await forgetTable(family, table);
  await ip(family, 'route', 'add', `${network}/${prefixLength}`, 'dev', device, 'table', table);
  if (gateway !== null) {
    await ip(family, 'route', 'replace', 'default', 'via', gateway, 'dev', device, 'metric', metricOf(table));
    await ip(family, 'route', 'add', 'default', 'via', gateway, 'dev', device, 'table', table);
  }
  await ip(family, 'route', 'add', 'prohibit', 'default', 'metric', '65535', 'table', table);
  await ip(family, 'rule', 'add', 'from', address, 'table', table);
  return readAddressState(address);
}

/** Takes it away from `device` again; nothing happens where it is not. */
export async function clearStaticAddress(device: string, { address, prefixLength }: StaticAddress): Promise<void> {
  if (!(await hasAddress(device, address))) return;
  const family = isIPv4(address) ? '-4' : '-6';
  const table = await tableOf(device);
  await forgetTable(family, table);
  // With an IPv4 address its routes go; a default route of IPv6 stays until it is taken away.
  await ip(family, 'route', 'del', 'default', 'dev', device, 'metric', metricOf(table)).catch(() => undefined);
  await ip(family, 'addr', 'del', `${address}/${prefixLength}`, 'dev', device);
}

/** How far the kernel is with an IPv6 address (RFC 4862, 5.4); IPv4 knows no such thing and is asked about before. */
export async function readAddressState(address: string): Promise<AddressState> {
  if (isIPv4(address)) return 'ready';
  const lines = (await readFile('/proc/net/if_inet6', 'utf8').catch(() => '')).split('\n');
  const own = lines.find((line) => line.startsWith(`${hexOf(address)} `))?.split(/\s+/);
  const flags = Number.parseInt(own?.[4] ?? '0', 16);
  return (flags & dadFailed) !== 0 ? 'taken' : (flags & tentative) !== 0 ? 'checking' : 'ready';
}

/** 32 hexadecimal digits, as /proc/net/if_inet6 writes it. */
export function hexOf(address: string): string {
  const [before = '', after] = address.split('::');
  const [head, tail] = [before, after ?? ''].map((half) => half.split(':').filter((group) => group !== ''));
  const zeros = Array<string>(8 - (head?.length ?? 0) - (tail?.length ?? 0)).fill('0');
  return [...(head ?? []), ...(after === undefined ? [] : zeros), ...(tail ?? [])]
    .map((group) => group.padStart(4, '0'))
    .join('');
}

/** Whether another machine answers for the address (RFC 5227, 2.1.1). */
async function isTaken(device: string, address: string): Promise<boolean> {
  return await busybox('arping', '-D', '-q', '-c', '2', '-w', '2', '-I', device, address).then(
    () => false,
    (thrown: { code?: unknown }) => thrown.code === 1,
  );
}

/** Node lists no addresses of a NIC without link, where they stay. */
async function hasAddress(device: string, address: string): Promise<boolean> {
  const shown = await ip('addr', 'show', 'dev', device).catch(() => '');
  return [...shown.matchAll(/ inet6? ([^/\s]+)/g)].some(([, own]) => own === address);
}

const metricOf = (table: string): string => String(1000 + Number(table));

async function tableOf(device: string): Promise<string> {
  return (await readFile(`/sys/class/net/${device}/ifindex`, 'utf8')).trim();
}

async function forgetTable(family: string, table: string): Promise<void> {
  while ((await ip(family, 'rule', 'del', 'table', table).catch(() => null)) !== null);
  await ip(family, 'route', 'flush', 'table', table).catch(() => undefined);
}
