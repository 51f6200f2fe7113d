// Between the second stage and the third: once the server has answered through one NIC, everything for it goes that way.
import { readFile, writeFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { NameServers } from './lease.ts';
import { ip } from './tools.ts';

/** By which device and from which of its addresses the server is reached. */
export type Way = {
  readonly device: string;
  readonly address: string;
  readonly names: NameServers;
  /** What packets to the server are kept to, where larger ones vanish. */
  readonly mtu?: number | null;
};

/**
 * Adds a host route to the server, and to who knows its name, by the device that it answered through, as that device's own routing table (see
 * dhcp.ts) says: with two NICs on one network, or two networks with the same addresses, the main table might choose the other one. With a
 * single NIC nothing changes, so a failure is no reason to stop.
 */
export async function routeThrough(way: Way, serverAddress: string): Promise<void> {
  const { servers, domain } = way.names;
  await claimAddress(way);
  const sameKind = servers.filter((server) => isIPv4(server) === isIPv4(serverAddress));
  await addHostRoute(way, serverAddress, { mtu: way.mtu ?? null }).catch(() => undefined);
  for (const host of sameKind) await addHostRoute(way, host).catch(() => undefined);
  const lines = [...(domain === null ? [] : [`search ${domain}`]), ...servers.map((server) => `nameserver ${server}`)];
  if (servers.length > 0) await writeFile('/etc/resolv.conf', `${lines.join('\n')}\n`).catch(() => undefined);
}

type HostRoute = { readonly mtu?: number | null; readonly table?: string };

async function addHostRoute(way: Way, host: string, { mtu = null, table = 'main' }: HostRoute = {}): Promise<void> {
  const { device, address } = way;
  const [family, bits] = isIPv4(host) ? ['-4', 32] : ['-6', 128];
  const gateway = / via (\S+)/.exec(await ip(family, 'route', 'get', host, 'from', address))?.[1];
  const via = gateway === undefined ? [] : ['via', gateway];
  const size = mtu === null ? [] : ['mtu', String(mtu)];
  const target = [`${host}/${bits}`, ...via, 'dev', device, 'src', address];
  await ip(family, 'route', 'replace', ...target, ...size, 'table', table);
}

/**
 * Keeps packets to the server to `mtu` bytes by this way, in both directions: the size that TCP tells the other side follows from it (tcp(7)). With null
 * that ends. If it cannot be done nothing has changed.
 */
export async function limitMtu(way: Way, serverAddress: string, mtu: number | null): Promise<void> {
  const own = await tableOf(way.device);
  const family = isIPv4(serverAddress) ? '-4' : '-6';
  // An IPv6 address that a router announced has no table of its own.
  for (const table of family === '-4' ? [own] : [own, 'main']) {
    const change =
      mtu === null
        ? ip(family, 'route', 'del', serverAddress, 'dev', way.device, 'table', table)
        : addHostRoute(way, serverAddress, { mtu, table });
    await change.catch(() => undefined);
  }
}

async function tableOf(device: string): Promise<string> {
  return (await readFile(`/sys/class/net/${device}/ifindex`, 'utf8')).trim();
}

/**
 * Two networks may have given one address to two NICs, whose rules (see dhcp.ts) then say different things of it: what comes from it leaves by
 * this device from now on, since of two rules the one that was added last is looked at first (ip-rule(8)).
 */
export async function claimAddress({ device, address }: Way): Promise<void> {
  const holders = Object.values(networkInterfaces()).filter((own) => own?.some((one) => one.address === address));
  if (holders.length < 2) return;
  const family = isIPv4(address) ? '-4' : '-6';
  const table = await tableOf(device);
  const rule = ['from', address, 'table', table];
  await ip(family, 'rule', 'del', ...rule).catch(() => undefined);
  await ip(family, 'rule', 'add', ...rule);
}
