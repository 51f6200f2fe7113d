// Third stage: the server's address in the view of one NIC. Each network has its own DNS servers, and only the right one's may know the name.
import { Resolver } from 'node:dns/promises';
import { isIP, isIPv4 } from 'node:net';
import { DeployError } from '../../protocol/errors.ts';
import type { Way } from '../2-network/route.ts';

const timeoutMs = 2000;
const tries = 2;

/**
 * The address of `host` (a name, or an address, which is the answer), of the same kind as the way's own: asked of that way's DNS servers, through that way.
 * @throws DeployError server-unreachable, which says who was asked.
 */
export async function resolveThrough({ address, names }: Way, host: string): Promise<string> {
  if (isIP(host) !== 0) return host;
  if (names.servers.length === 0) {
    throw new DeployError(
      'server-unreachable',
      `the name '${host}' cannot be looked up: this network gave no DNS server`,
    );
  }
  const resolver = new Resolver({ timeout: timeoutMs, tries });
  resolver.setServers(names.servers);
  if (isIPv4(address)) resolver.setLocalAddress(address);
  else resolver.setLocalAddress('0.0.0.0', address);
  const asked = `DNS server ${names.servers.join(', ')}`;
  let fault = '';
  for (const name of fullNames(host, names.domain)) {
    try {
      const found = isIPv4(address) ? await resolver.resolve4(name) : await resolver.resolve6(name);
      if (found[0] !== undefined) return found[0];
    } catch (thrown) {
      fault = faultWords(name, asked, (thrown as NodeJS.ErrnoException).code ?? '');
    }
  }
  throw new DeployError('server-unreachable', fault || `${asked} knows no address of '${host}'`);
}

/** A name without a dot is one of the network's own domain first. */
function fullNames(host: string, domain: string | null): string[] {
  return domain === null || host.includes('.') ? [host] : [`${host}.${domain}`, host];
}

function faultWords(name: string, asked: string, code: string): string {
  if (code === 'ENOTFOUND' || code === 'ENODATA') return `name not found: ${asked} knows no address of '${name}'`;
  if (code === 'ETIMEOUT') return `looking up '${name}': no answer of ${asked}`;
  if (code === 'ECONNREFUSED') return `looking up '${name}': ${asked} does not answer (port closed)`;
  return `looking up '${name}': ${asked}: ${code}`;
}
