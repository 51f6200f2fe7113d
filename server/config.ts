// The first step of the server's start: environment and flags become one checked configuration.
import { isIP } from 'node:net';
import path from 'node:path';
import { z } from 'zod';
import { kernelArgumentsSchema } from '../protocol/boot-profile.ts';
import { DeployError } from '../protocol/errors.ts';
import { type DatabaseLocation, parseDatabaseLocation } from './database/location.ts';

export type HostPort = { readonly address: string; readonly port: number };

/** Full DHCP hands out addresses of a range; a proxy adds boot options beside the DHCP server that is there; TFTP alone is for one that names the boot files itself. */
export type DhcpConfig = {
  readonly interfaceName: string;
  readonly range: { readonly first: string; readonly last: string } | 'proxy' | 'tftp';
};

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export type ServerConfig = {
  readonly dataDir: string;
  readonly listen: HostPort;
  /** What machines are told; without it, the address that each of them reached. */
  readonly advertise: HostPort | undefined;
  /** What `deploy-os build` made. */
  readonly bootDir: string;
  /** A directory, or the URL of an S3 store. */
  readonly storeLocation: string;
  readonly database: DatabaseLocation;
  readonly approve: 'none' | 'all';
  /** Jobs that overwrite or run anything wait until a second person agrees. */
  readonly secondPerson: boolean;
  /** Whether scenarios may have scripts, which may do anything on a machine. */
  readonly allowScripts: boolean;
  /** Says who the provider of OpenID Connect is; without it there is none. */
  readonly openIdFile: string | undefined;
  readonly dhcp: DhcpConfig | undefined;
  /** Appended to the kernel command line of every machine. */
  readonly kernelArguments: string;
  readonly logLevel: LogLevel;
  readonly leaseSeconds: number;
  /** The administrator's programs that turn machines on and off; without it, none is run. */
  readonly hooksDir: string | undefined;
  /** Ranges (`127.0.0.0/8`) in which there are BMCs although they are addresses of this host, or ones that only it can reach. */
  readonly allowedBmcs: readonly string[];
  /** So many machines are turned on for their jobs in one second, at most: each takes its start-up current. */
  readonly turnOnPerSecond: number;
};

/** What a person may say; everything but the data directory has a default. */
export type ServerOptions = {
  readonly data: string;
  readonly listen?: string | undefined;
  readonly advertise?: string | undefined;
  readonly bootDir?: string | undefined;
  readonly database?: string | undefined;
  readonly store?: string | undefined;
  readonly approve?: string | undefined;
  readonly secondPerson?: boolean | undefined;
  readonly allowScripts?: boolean | undefined;
  readonly openid?: string | undefined;
  readonly dhcpInterface?: string | undefined;
  readonly dhcpRange?: string | undefined;
  readonly dhcpProxy?: boolean | undefined;
  readonly tftpOnly?: boolean | undefined;
  readonly kernelArgs?: string | undefined;
  readonly logLevel?: string | undefined;
  readonly leaseSeconds?: number | undefined;
  readonly hooks?: string | undefined;
  readonly allowBmc?: string | undefined;
  readonly turnOnPerSecond?: string | undefined;
};

export const defaultPort = 7433;
const defaultLeaseSeconds = 15 * 60;
const defaultTurnOnPerSecond = 5;
const logLevels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'silent'];

/** @throws DeployError usage, naming the flag. */
export function readServerConfig(options: ServerOptions): ServerConfig {
  const dataDir = path.resolve(options.data);
  const listen = parseHostPort('--listen', options.listen ?? '0.0.0.0', defaultPort);
  return {
    dataDir,
    listen,
    advertise:
      options.advertise === undefined ? undefined : parseHostPort('--advertise', options.advertise, listen.port),
    bootDir: path.resolve(options.bootDir ?? path.join(dataDir, 'boot')),
    storeLocation: parseStore(options.store, dataDir),
    database: parseDatabase(options.database, dataDir),
    approve: oneOf('--approve', options.approve ?? 'none', ['none', 'all'] as const),
    secondPerson: options.secondPerson ?? false,
    allowScripts: options.allowScripts ?? false,
    openIdFile: options.openid === undefined ? undefined : path.resolve(options.openid),
    dhcp: parseDhcp(options),
    kernelArguments: parseKernelArguments(options.kernelArgs ?? ''),
    logLevel: oneOf('--log-level', options.logLevel ?? 'info', logLevels),
    leaseSeconds: options.leaseSeconds ?? defaultLeaseSeconds,
    hooksDir: options.hooks === undefined ? undefined : path.resolve(options.hooks),
    allowedBmcs: parseRanges('--allow-bmc', options.allowBmc),
    turnOnPerSecond: parseTurnOn(options.turnOnPerSecond ?? String(defaultTurnOnPerSecond)),
  };
}

/** `ADDRESS`, `ADDRESS:PORT`, `[ADDRESS6]:PORT` or `:PORT`. */
function parseHostPort(flag: string, text: string, fallbackPort: number): HostPort {
  const match = /^(?:\[([^\]]+)\]|([^:]*))(?::(\d{1,5}))?$/.exec(text);
  const port = match?.[3] === undefined ? fallbackPort : Number(match[3]);
  if (match === null || port > 65_535) throw usage(`${flag}: '${text}' is not ADDRESS:PORT`);
  return { address: match[1] || match[2] || '0.0.0.0', port };
}

/** `host:port` as it stands in a URL. */
export function formatHostPort({ address, port }: HostPort): string {
  return `${isIP(address) === 6 ? `[${address}]` : address}:${port}`;
}

/** `10.0.0.0/8,fe80::/10`. */
function parseRanges(flag: string, text: string | undefined): readonly string[] {
  const ranges = text === undefined ? [] : text.split(',').map((range) => range.trim());
  const { error } = z.array(z.union([z.cidrv4(), z.cidrv6()])).safeParse(ranges);
  if (error === undefined) return ranges;
  throw usage(`${flag}: '${text}' is not ADDRESS/PREFIX,…, such as 127.0.0.0/8`);
}

function parseTurnOn(text: string): number {
  if (/^[1-9]\d{0,2}$/.test(text)) return Number(text);
  throw usage(`--turn-on-per-second: '${text}' is not a whole number from 1 to 999`);
}

function parseStore(text: string | undefined, dataDir: string): string {
  if (text === undefined) return path.join(dataDir, 'store');
  if (/^https?:/.test(text)) throw usage(`--store: '${text}' is neither a directory nor an S3 store (s3+https://…)`);
  return text;
}

function parseDatabase(text: string | undefined, dataDir: string): DatabaseLocation {
  if (text === undefined) return { kind: 'sqlite', path: path.join(dataDir, 'deploy-os.sqlite') };
  const location = parseDatabaseLocation(text);
  // What was given may hold a password.
  if (location === null)
    throw usage('--database is neither sqlite:PATH nor postgres://[USER[:PASSWORD]@]HOST[:PORT]/NAME');
  return location.kind === 'sqlite' ? { ...location, path: path.resolve(location.path) } : location;
}

function parseDhcp(options: ServerOptions): DhcpConfig | undefined {
  const { dhcpInterface, dhcpRange, dhcpProxy = false, tftpOnly = false } = options;
  if (dhcpInterface === undefined) {
    if (dhcpRange !== undefined || dhcpProxy || tftpOnly)
      throw usage('--dhcp-range, --dhcp-proxy and --tftp-only need --dhcp-interface');
    return undefined;
  }
  if (!/^[^\s/,]{1,15}$/.test(dhcpInterface)) throw usage(`--dhcp-interface: '${dhcpInterface}' is no interface name`);
  if ([dhcpRange !== undefined, dhcpProxy, tftpOnly].filter(Boolean).length !== 1)
    throw usage('give one of --dhcp-range FIRST,LAST, --dhcp-proxy and --tftp-only');
  if (dhcpRange === undefined) return { interfaceName: dhcpInterface, range: dhcpProxy ? 'proxy' : 'tftp' };
  const [first = '', last = '', ...rest] = dhcpRange.split(',');
  if (isIP(first) !== 4 || isIP(last) !== 4 || rest.length > 0) {
    throw usage(`--dhcp-range: '${dhcpRange}' is not FIRST,LAST (two IPv4 addresses)`);
  }
  return { interfaceName: dhcpInterface, range: { first, last } };
}

function parseKernelArguments(text: string): string {
  const { data, error } = kernelArgumentsSchema.safeParse(text);
  if (data === undefined) throw usage(`--kernel-args: '${text}': ${error?.issues[0]?.message}`);
  return data;
}

function oneOf<T extends string>(flag: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) throw usage(`${flag}: '${value}' is none of ${allowed.join(', ')}`);
  return found;
}

function usage(message: string): DeployError {
  return new DeployError('usage', message);
}
