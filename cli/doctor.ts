// `deploy-os doctor`: tests the services that machines boot from and talk to, as a client would, and names what stands in the way.
import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import { DeployError } from '../protocol/errors.ts';
import { checkHost } from '../server/doctor/check-host.ts';
import { type Asked, checkServices } from '../server/doctor/check-services.ts';
import type { ServiceCheck } from '../server/doctor/finding.ts';
import { type ConnectOptions, dataDirOf, findServer, withServerOptions } from './connect.ts';
import { failWith, printJson, printTable } from './output.ts';

type Options = ConnectOptions & { readonly interface?: string };

export function addCommands(program: Command): void {
  withServerOptions(program.command('doctor'), { token: false })
    .description('Test each service of a server as a machine would, and name what blocks it')
    .option('--interface <name>', 'ask for addresses and boot files through this interface, too (root)')
    .addHelpText(
      'after',
      '\nOn the server itself --data DIR says all. From another machine, --server and --ca, and --interface to test DHCP and TFTP.',
    )
    .action(run);
}

async function run(options: Options): Promise<void> {
  const { url, caFingerprint } = await findServer(options, { token: false });
  const dataDir = dataDirOf(options);
  const own = dataDir === undefined ? null : await readDhcpSetup(dataDir);
  const interfaceName = options.interface ?? own?.interfaceName;
  const localAddress = interfaceName === undefined ? null : findAddress(interfaceName);
  const asked: Asked = {
    ...{ url, caFingerprint, localAddress },
    bootAddress: own === null ? await resolveAddress(new URL(url).hostname) : (localAddress ?? new URL(url).hostname),
    dhcp: own?.kind ?? null,
  };
  process.stderr.write(`asking ${url}${localAddress === null ? '' : `, DHCP and TFTP through ${interfaceName}`} ...\n`);
  const host =
    dataDir === undefined ? [] : await checkHost({ port: Number(new URL(url).port || 443), dhcp: asked.dhcp !== null });
  const checks = [...(await checkServices(asked)), ...host];
  if (options.json === true) printJson(checks);
  else printChecks(checks);
  const faults = checks.filter(({ outcome }) => outcome === 'fault');
  if (faults.length === 0) return;
  failWith(
    new DeployError('service-fault', `${faults.length} of ${checks.length} checks found a fault`, {
      hint: 'The first of them may explain the others.',
    }),
  );
}

function printChecks(checks: readonly ServiceCheck[]): void {
  printTable(
    ['', 'CHECK', 'WHAT'],
    checks.flatMap(({ outcome, code, message, advice }) => [
      [outcome === 'ok' ? 'ok' : outcome.toUpperCase(), code, message],
      ...(advice === null ? [] : [['', '', `  ${advice}`]]),
    ]),
  );
}

/** From the configuration that the server writes for its dnsmasq; null when it runs none, no kind when it serves TFTP alone. */
async function readDhcpSetup(dataDir: string): Promise<{ interfaceName: string; kind: Asked['dhcp'] } | null> {
  const text = await readFile(path.join(dataDir, 'dnsmasq.conf'), 'utf8').catch(() => '');
  const interfaceName = /^interface=(\S+)$/m.exec(text)?.[1];
  if (interfaceName === undefined) return null;
  const range = /^dhcp-range=[^,]+,([^,]+)/m.exec(text)?.[1];
  return { interfaceName, kind: range === undefined ? null : range === 'proxy' ? 'proxy' : 'full' };
}

function findAddress(interfaceName: string): string {
  const found = networkInterfaces()[interfaceName]?.find(({ family }) => family === 'IPv4')?.address;
  if (found !== undefined) return found;
  throw new DeployError(
    'device-not-found',
    `network interface ${interfaceName} is not there, has no link or no IPv4 address`,
    {
      hint: '`ip address` lists the interfaces.',
    },
  );
}

async function resolveAddress(host: string): Promise<string> {
  if (isIPv4(host)) return host;
  return (await lookup(host, { family: 4 }).catch(() => null))?.address ?? host;
}
