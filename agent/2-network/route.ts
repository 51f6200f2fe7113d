// Between the second stage and the third: once the server has answered through one NIC, everything for it goes that way.
import { execFile } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import { promisify } from 'node:util';

const ip = async (...args: string[]): Promise<string> => (await promisify(execFile)('busybox', ['ip', ...args])).stdout;

/**
 * Adds a host route to the server by `nic`, as the NIC's own routing table (see dhcp.ts) says: with two NICs on one network the main
 * table might choose the other one. With a single NIC nothing changes, so a failure is no reason to stop.
 */
export async function routeThrough(nic: string, address: string, serverHost: string): Promise<void> {
  try {
    const server = (await lookup(serverHost, 4)).address;
    const gateway = / via (\S+)/.exec(await ip('route', 'get', server, 'from', address))?.[1];
    await ip(
      'route',
      'replace',
      `${server}/32`,
      ...(gateway === undefined ? [] : ['via', gateway]),
      'dev',
      nic,
      'src',
      address,
    );
  } catch {
    // The main table's way is taken.
  }
}
