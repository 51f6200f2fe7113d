// The boot services: writes dnsmasq's configuration and files, and keeps it running.
import { execFile, spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { FastifyBaseLogger } from 'fastify';
import { z } from 'zod';
import { DeployError } from '../../protocol/errors.ts';
import { linkArm64Files } from '../boot/arm64-files.ts';
import { writeFirstGrubScript } from '../boot/grub-script.ts';
import { TftpScripts } from '../boot/tftp-scripts.ts';
import { type DhcpConfig, formatHostPort, type HostPort } from '../config.ts';
import { findClosedFolder } from './closed-folder.ts';
import { writeDnsmasqConfig } from './dnsmasq-config.ts';
import { DnsmasqLog } from './dnsmasq-log.ts';
import { endOrphan, type Supervised, superviseProcess } from './supervise.ts';
import { askOf, watchDnsmasq } from './watch-dnsmasq.ts';

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
  /** What GRUB on the machine with these facts is told by the server at `ADDRESS:PORT`. */
  grubScript(server: string, query: URLSearchParams, address: string): Promise<string>;
};

export type Dnsmasq = Pick<Supervised, 'isRunning' | 'restarts' | 'stop'>;

/** @throws DeployError device-not-found when the interface has no IPv4 address; invalid-input when dnsmasq refuses its configuration. */
export async function startDnsmasq(options: DnsmasqOptions): Promise<Dnsmasq> {
  const { dhcp, dataDir, log } = options;
  const own = await findAddress(dhcp.interfaceName);
  const tftpDir = path.join(options.bootDir, 'tftp');
  const server = formatHostPort(options.advertise ?? { address: own.address, port: options.port });
  await mkdir(path.join(tftpDir, 'grub'), { recursive: true });
  await writeFile(path.join(tftpDir, 'grub/deploy-os.cfg'), writeFirstGrubScript());
  const machineScript = (query: URLSearchParams, address: string) => options.grubScript(server, query, address);
  const scripts = await TftpScripts.open({ tftpDir, log, machineScript });
  const user = await chooseUser(tftpDir, log);
  const config = writeDnsmasqConfig({
    ...dhcp,
    ...own,
    server,
    tftpDir,
    leaseFile: path.join(dataDir, 'dnsmasq.leases'),
    arm64: await linkArm64Files(options.bootDir),
    user,
  });
  const configFile = path.join(dataDir, 'dnsmasq.conf');
  await writeFile(configFile, config);
  checkConfig(configFile);
  const command = ['dnsmasq', `--conf-file=${configFile}`];
  await endOrphan(command, log);
  const lines = new DnsmasqLog(log);
  const onLine = (line: string): void => {
    if (scripts.onLine(line)) log.debug({ from: 'dnsmasq' }, line);
    else lines.take(line);
  };
  const dnsmasq = superviseProcess({ command, log, onLine });
  const endWatch = watchDnsmasq({ dnsmasq, log, ask: askOf(own.address, 'grub/deploy-os.cfg') });
  return {
    isRunning: () => dnsmasq.isRunning(),
    restarts: () => dnsmasq.restarts(),
    stop: async () => {
      endWatch();
      await dnsmasq.stop();
      scripts.close();
    },
  };
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

/** dnsmasq gives up root's rights unless the boot files lie where only root can reach them; of a server that is not root it is its user's. */
async function chooseUser(tftpDir: string, log: FastifyBaseLogger): Promise<string> {
  if (process.getuid?.() !== 0) return userInfo().username;
  const folder = await findClosedFolder(tftpDir);
  if (folder !== null) {
    log.warn({ folder }, 'dnsmasq stays root: only root can reach the boot files');
    return 'root';
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
