// Second stage: what came of asking for an address by DHCP on one NIC, as udhcpc's script (dhcp.ts) has written it down.
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { runDir } from './prepare.ts';

export type Lease = {
  /** `leasefail`: nobody has answered. `declined`: another machine has the address that was offered. */
  readonly event: 'bound' | 'nak' | 'leasefail' | 'declined';
  /** The one that was declined. */
  readonly address: string | null;
  /** The DHCP server's address. */
  readonly server: string | null;
  /** Why a server refuses, in its words. */
  readonly message: string | null;
  readonly names: NameServers;
};

/** Who knows the names of a network. */
export type NameServers = { readonly servers: readonly string[]; readonly domain: string | null };

export const leaseFile = (device: string): string => `${runDir}/dhcp.${device}`;

const maxLength = 4096;

/** Null while nothing has come of it. */
export async function readLease(device: string): Promise<Lease | null> {
  return parseLease(await readFile(leaseFile(device), 'utf8').catch(() => ''));
}

/** The words in it are the DHCP server's: whatever they are, the answer is a lease that makes sense, or null. */
export function parseLease(text: string): Lease | null {
  const words = new Map<string, string>();
  for (const line of text.slice(0, maxLength).split('\n')) {
    const equals = line.indexOf('=');
    if (equals > 0) words.set(line.slice(0, equals), line.slice(equals + 1).trim());
  }
  const event = words.get('event');
  if (event !== 'bound' && event !== 'nak' && event !== 'leasefail' && event !== 'declined') return null;
  const address = words.get('address') ?? '';
  const server = words.get('server') ?? '';
  const domain = words.get('domain') ?? '';
  return {
    event,
    address: isIP(address) === 0 ? null : address,
    server: isIP(server) === 0 ? null : server,
    message: words.get('message')?.slice(0, 200) || null,
    names: {
      servers: (words.get('dns') ?? '')
        .split(/\s+/)
        .filter((candidate) => isIP(candidate) !== 0)
        .slice(0, 3),
      domain: /^[A-Za-z0-9.-]{1,253}$/.test(domain) ? domain : null,
    },
  };
}
