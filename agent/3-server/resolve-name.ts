// Third stage: the server's address in the view of one NIC. Each network has its own DNS servers, and only the right one's may know the name.
import { Resolver } from 'node:dns/promises';
import { isIP, isIPv4 } from 'node:net';
import { DeployError } from '../../protocol/errors.ts';
import type { Way } from '../2-network/route.ts';
import { en } from '../screen/words/en.ts';
import type { Say } from '../screen/words/words.ts';

const timeoutMs = 2000;
const tries = 2;

/** A name that has no address, in words for every screen. */
export class NameFault extends DeployError {
  readonly say: Say;

  constructor(say: Say) {
    super('server-unreachable', say(en));
    this.say = say;
  }
}

/**
 * The address of `host` (a name, or an address, which is the answer), of the same kind as the way's own: asked of that way's DNS servers, through that way.
 * @throws NameFault server-unreachable, which says who was asked.
 */
export async function resolveThrough({ address, names }: Way, host: string): Promise<string> {
  if (isIP(host) !== 0) return host;
  if (names.servers.length === 0) {
    throw new NameFault(({ name }) => name.noDns(host));
  }
  const resolver = new Resolver({ timeout: timeoutMs, tries });
  resolver.setServers(names.servers);
  if (isIPv4(address)) resolver.setLocalAddress(address);
  else resolver.setLocalAddress('0.0.0.0', address);
  const asked = names.servers.join(', ');
  let fault: Say = ({ name }) => name.noAddress(host, name.dns(asked));
  for (const name of fullNames(host, names.domain)) {
    try {
      const found = isIPv4(address) ? await resolver.resolve4(name) : await resolver.resolve6(name);
      if (found[0] !== undefined) return found[0];
    } catch (thrown) {
      fault = faultWords(name, asked, (thrown as NodeJS.ErrnoException).code ?? '');
    }
  }
  throw new NameFault(fault);
}

/** A name without a dot is one of the network's own domain first. */
function fullNames(host: string, domain: string | null): string[] {
  return domain === null || host.includes('.') ? [host] : [`${host}.${domain}`, host];
}

function faultWords(host: string, servers: string, code: string): Say {
  if (code === 'ENOTFOUND' || code === 'ENODATA') return ({ name }) => name.notFound(host, name.dns(servers));
  if (code === 'ETIMEOUT') return ({ name }) => name.noAnswer(host, name.dns(servers));
  if (code === 'ECONNREFUSED') return ({ name }) => name.closed(host, name.dns(servers));
  return ({ name }) => name.other(host, name.dns(servers), code);
}
