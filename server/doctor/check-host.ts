// What only the server's own machine can tell: who holds the ports, and what its firewall says.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findEphemeralRange, findPortOwner } from '../listener/port-owner.ts';
import { ok, type ServiceCheck } from './finding.ts';

/** The services that dnsmasq does for us: DHCP, TFTP, and boot servers of PXE. */
const bootPorts = [67, 69, 4011];

/** `port` is the server's; `dhcp` says whether it runs DHCP and TFTP. Needs root to name processes. */
export async function checkHost({ port, dhcp }: { port: number; dhcp: boolean }): Promise<ServiceCheck[]> {
  const range = await findEphemeralRange(port);
  const checks = dhcp ? await checkBootPorts() : [];
  if (range !== null) {
    checks.push({
      ...{ code: 'port-ephemeral', outcome: 'warning' },
      message: `port ${port} lies in this machine's ephemeral range (${range}): a connection of another program may take it before the server starts`,
      advice: `Choose a port outside, or reserve it: sysctl net.ipv4.ip_local_reserved_ports=${port}`,
    });
  }
  return [...checks, ...(await checkFirewall(port, dhcp))];
}

async function checkBootPorts(): Promise<ServiceCheck[]> {
  const owners = await Promise.all(bootPorts.map(async (port) => ({ port, owner: await findPortOwner(port, 'udp') })));
  const foreign = owners.filter(({ owner }) => owner !== null && !owner.startsWith('dnsmasq '));
  if (foreign.length > 0) {
    return foreign.map(({ port, owner }) => ({
      ...{ code: 'port', outcome: 'fault' },
      message: `UDP port ${port} is held by ${owner}`,
      advice:
        'Stop that service, or use it as the DHCP or TFTP server of these machines (docs/operations/network-boot.md).',
    }));
  }
  const held = owners.filter(({ owner }) => owner !== null).map(({ port, owner }) => `${port} by ${owner}`);
  return held.length === 0 ? [] : [ok('port', `UDP ports are held by ours: ${held.join(', ')}`)];
}

/** nftables is what iptables writes to as well (iptables-nft), in Debian 12. */
async function checkFirewall(port: number, dhcp: boolean): Promise<ServiceCheck[]> {
  const { stdout } = await promisify(execFile)('nft', ['list', 'ruleset'], { maxBuffer: 2 ** 24 }).catch(() => ({
    stdout: '',
  }));
  const missing = findUnnamedPorts(stdout, [port, ...(dhcp ? bootPorts : [])]);
  if (missing.length === 0) return [];
  return [
    {
      ...{ code: 'firewall', outcome: 'warning' },
      message: `this machine's firewall drops what no rule lets in, and no rule names port ${missing.join(', ')}`,
      advice: `Let machines in: TCP ${port}${dhcp ? '; UDP 67, 69, 4011, and the answers of TFTP (conntrack helper tftp, or all UDP from the network of the machines)' : ''}.`,
    },
  ];
}

/**
 * Ports that no rule of a `nft list ruleset` names, where something that hooks into the input drops by policy or by a rule of its own; none
 * where nothing does. A rule may let them in without a number (by interface, by address): it says where to look, and no more.
 */
export function findUnnamedPorts(ruleset: string, ports: readonly number[]): number[] {
  const tables = ruleset.split(/^(?=table )/m).filter((table) => /hook input/.test(table));
  const drops = tables.some((table) =>
    /hook input[^;]*;\s*policy drop|^\s*(counter[^\n]*)?(drop|reject)\b/m.test(table),
  );
  if (!drops) return [];
  const named = [...ruleset.matchAll(/dport (\{[^}]*\}|\S+)/g)].flatMap(([, text = '']) => [
    ...text.matchAll(/(\d+)(?:-(\d+))?/g),
  ]);
  return ports.filter(
    (port) => !named.some(([, first, last]) => port >= Number(first) && port <= Number(last ?? first)),
  );
}
