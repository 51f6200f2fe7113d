// The boot services: writes dnsmasq's configuration and files, and keeps it running.
import { execFile, spawnSync } from 'node:child_process';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { FastifyBaseLogger } from 'fastify';
import { z } from 'zod';
import { DeployError } from '../../protocol/errors.ts';
import { writeFirstGrubScript } from '../boot/grub-script.ts';
import { type DhcpConfig, formatHostPort, type HostPort } from '../config.ts';
import { writeDnsmasqConfig } from './dnsmasq-config.ts';
import { endOrphan, type Supervised, superviseProcess } from './supervise.ts';

const run = promisify(execFile);

/** What of the output of `ip -json address` is used. */
const addressesSchema = z.array(
  z.object({ addr_info: z.array(z.object({ local: z.string(), prefixlen: z.number() })).default([]) }),
);

type DnsmasqOptions = {
  readonly dhcp: DhcpConfig;
  readonly dataDir: string;
  readonly bootDir: string;
  readonly advertise: HostPort | undefined;
  readonly port: number;
  readonly log: FastifyBaseLogger;
};

/** @throws DeployError device-not-found when the interface has no IPv4 address; invalid-input when dnsmasq refuses its configuration. */
export async function startDnsmasq(options: DnsmasqOptions): Promise<Supervised> {
  const { dhcp, dataDir, log } = options;
  const own = await findAddress(dhcp.interfaceName);
  const tftpDir = path.join(options.bootDir, 'tftp');
  const server = formatHostPort(options.advertise ?? { address: own.address, port: options.port });
  await mkdir(path.join(tftpDir, 'grub'), { recursive: true });
  await writeFile(path.join(tftpDir, 'grub/deploy-os.cfg'), writeFirstGrubScript(server));
  const user = await chooseUser(tftpDir, log);
  const config = writeDnsmasqConfig({
    ...dhcp,
    ...own,
    server,
    tftpDir,
    leaseFile: path.join(dataDir, 'dnsmasq.leases'),
    user,
  });
  const configFile = path.join(dataDir, 'dnsmasq.conf');
  await writeFile(configFile, config);
  checkConfig(configFile);
  const command = ['dnsmasq', `--conf-file=${configFile}`];
  await endOrphan(command, log);
  return superviseProcess({
    command,
    log,
    onLine: (line) => logLine(log, line),
  });
}

/** Asks `ip`, since Node lists an interface only while its cable is in. */
async function findAddress(interfaceName: string): Promise<{ address: string; netmask: string }> {
  const { stdout } = await run('ip', ['-json', '-4', 'address', 'show', 'dev', interfaceName]).catch(() => ({
    stdout: '[]',
  }));
  const [link] = addressesSchema.parse(JSON.parse(stdout));
  const found = link?.addr_info[0];
  if (found === undefined) {
    throw new DeployError(
      'device-not-found',
      `network interface ${interfaceName} is not there or has no IPv4 address`,
      {
        hint: 'Give it a fixed address first; `ip address` lists the interfaces.',
      },
    );
  }
  return { address: found.local, netmask: netmaskOf(found.prefixlen) };
}

function netmaskOf(prefixLength: number): string {
  return Array.from({ length: 4 }, (_, i) => 256 - 2 ** (8 - Math.min(8, Math.max(0, prefixLength - 8 * i)))).join('.');
}

/** dnsmasq gives up root's rights unless the boot files lie where only root can reach them. */
async function chooseUser(tftpDir: string, log: FastifyBaseLogger): Promise<string> {
  for (let folder = tftpDir; folder !== path.dirname(folder); folder = path.dirname(folder)) {
    if (((await stat(folder)).mode & 0o001) === 0) {
      log.warn({ folder }, 'dnsmasq stays root: only root can reach the boot files');
      return 'root';
    }
  }
  return 'nobody';
}

function checkConfig(configFile: string): void {
  const { error, status, stderr } = spawnSync('dnsmasq', ['--test', `--conf-file=${configFile}`], { encoding: 'utf8' });
  if (error !== undefined) {
    throw new DeployError('device-not-found', `starting dnsmasq: ${error.message}`, {
      cause: error,
      hint: 'Install it: apt-get install dnsmasq-base',
    });
  }
  if (status !== 0) throw new DeployError('invalid-input', `dnsmasq refuses ${configFile}: ${stderr.trim()}`);
}

/** The faults that dnsmasq knows, by its words (dnsmasq's dhcp.c, rfc2131.c, tftp.c, network.c), and what to do about each. */
const faults: readonly (readonly [RegExp, string])[] = [
  [/no address range available|no addresses left|no address available/, 'dhcp-range-exhausted'],
  [/failed to (bind|create) .*(socket|port)|Address already in use/, 'dhcp-or-tftp-port-in-use'],
  // Loaders ask for files that need not be there: GRUB for its lists of modules, shim for revocations and certificates.
  [
    /file (?!.*(?:\.lst|revocations_\w+\.efi|shim_certificate_\d+\.efi) ).* not found|cannot access/,
    'tftp-file-missing',
  ],
  [/error \d+ .* received from|failed sending/, 'tftp-transfer-aborted'],
  [/not using configured address|wrong network|wrong server-ID/, 'dhcp-other-server'],
];

function logLine(log: FastifyBaseLogger, line: string): void {
  const text = line.replace(/^dnsmasq(-dhcp|-tftp)?(\[\d+\])?:\s*/, '');
  const fault = faults.find(([pattern]) => pattern.test(text))?.[1];
  if (fault === undefined) log.debug({ from: 'dnsmasq' }, text);
  else log.warn({ from: 'dnsmasq', fault }, text);
}
