// Between the second stage and the third: once the server has answered through one NIC, everything for it goes that way.
import { writeFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import type { NameServers } from './lease.ts';
import { ip } from './tools.ts';

/** By which device and from which of its addresses the server is reached. */
export type Way = { readonly device: string; readonly address: string; readonly names: NameServers };

/**
 * Adds a host route to the server, and to who knows its name, by the device that it answered through, as that device's own routing table (see
 * dhcp.ts) says: with two NICs on one network, or two networks with the same addresses, the main table might choose the other one. With a
 * single NIC nothing changes, so a failure is no reason to stop.
 */
export async function routeThrough(way: Way, serverAddress: string): Promise<void> {
  const { servers, domain } = way.names;
  const sameKind = servers.filter((server) => isIPv4(server) === isIPv4(serverAddress));
  for (const host of [serverAddress, ...sameKind]) await addHostRoute(way, host).catch(() => undefined);
  const lines = [...(domain === null ? [] : [`search ${domain}`]), ...servers.map((server) => `nameserver ${server}`)];
  if (servers.length > 0) await writeFile('/etc/resolv.conf', `${lines.join('\n')}\n`).catch(() => undefined);
}

async function addHostRoute({ device, address }: Way, host: string): Promise<void> {
  const [family, bits] = isIPv4(host) ? ['-4', 32] : ['-6', 128];
  const gateway = / via (\S+)/.exec(await ip(family, 'route', 'get', host, 'from', address))?.[1];
  const via = gateway === undefined ? [] : ['via', gateway];
  await ip(family, 'route', 'replace', `${host}/${bits}`, ...via, 'dev', device, 'src', address);
}
