// Tests each service as a client would, and names what stands in the way (R20, R21, R25).
import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { fetchPinnedCa } from '../../imaging/store/pinned-ca.ts';
import { type DhcpOffer, makeDiscover } from '../../protocol/dhcp-packets.ts';
import { toDeployError } from '../../protocol/errors.ts';
import { probeDhcp } from '../../protocol/probe-dhcp.ts';
import { formatHostPort } from '../config.ts';
import { httpBootFiles, loaders } from '../dhcp/dnsmasq-config.ts';
import { fetchTftp, type TftpAnswer } from './fetch-tftp.ts';
import { ok, type ServiceCheck } from './finding.ts';

export type Asked = {
  /** `https://HOST:PORT`, and the fingerprint of its CA. */
  readonly url: string;
  readonly caFingerprint: string;
  /** The IPv4 address of the server that machines boot from. */
  readonly bootAddress: string;
  /** Of this machine's interface to ask for addresses through; null does not ask. */
  readonly localAddress: string | null;
  /** What our own DHCP does: hands out addresses, adds boot options only, or is not run here (null). */
  readonly dhcp: 'full' | 'proxy' | null;
};

/** All of them, in an order in which the first fault explains the rest. Does not throw. */
export async function checkServices(asked: Asked): Promise<ServiceCheck[]> {
  const server = await checkServer(asked);
  const files = server.some(({ outcome }) => outcome === 'fault') ? [] : await checkBootFiles(asked);
  return [...server, ...files, ...(await checkDhcp(asked)), ...(await checkTftp(asked))];
}

const farOffMs = 120_000;

async function checkServer({ url, caFingerprint }: Asked): Promise<ServiceCheck[]> {
  try {
    const { serverTimeMs } = await fetchPinnedCa(url, caFingerprint);
    const apartMs = serverTimeMs === null ? 0 : Math.abs(Date.now() - serverTimeMs);
    const clock: ServiceCheck = {
      ...{ code: 'clock', outcome: 'warning' },
      message: `the server's clock and that of this machine are ${Math.round(apartMs / 1000)} s apart`,
      advice: 'Set both by NTP. Machines take the time of the server for their jobs.',
    };
    return [ok('https', `${url} answers with the expected CA`), ...(apartMs > farOffMs ? [clock] : [])];
  } catch (thrown) {
    const { code, message, cause } = toDeployError(thrown);
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    return [{ code: 'https', outcome: 'fault', message, advice: adviceFor(code, reason) }];
  }
}

function adviceFor(code: string, reason: string): string {
  if (code === 'server-untrusted')
    return 'Give the fingerprint that the server shows when it starts; or another server has this address.';
  if (reason === 'ECONNREFUSED')
    return 'Nothing listens there: start the server, or give the port that it says it listens on.';
  if (reason === 'ENOTFOUND' || reason === 'EAI_AGAIN')
    return "The name is not known to this machine's DNS: give the address instead.";
  return 'No answer: is the address right, and does a firewall on the way, or on the server, let this TCP port through?';
}

/** By plain HTTP, as loaders fetch them. */
async function checkBootFiles({ url, bootAddress }: Asked): Promise<ServiceCheck[]> {
  const port = Number(new URL(url).port || 443);
  const found = await Promise.all(
    ['/boot/vmlinuz', '/boot/initramfs.img'].map((path) => headOf(bootAddress, port, path)),
  );
  const bad = found.filter(({ sizeBytes }) => sizeBytes === 0);
  if (bad.length === 0)
    return [
      ok('boot-files', `kernel and initramfs are served by HTTP at ${formatHostPort({ address: bootAddress, port })}`),
    ];
  return bad.map(({ path, why }) => ({
    ...{ code: 'boot-files', outcome: 'fault' },
    message: `http://${formatHostPort({ address: bootAddress, port })}${path}: ${why}`,
    advice:
      why === 'not there'
        ? 'Build it: `deploy-os build --out DATA/boot`.'
        : 'Does a firewall let this TCP port through?',
  }));
}

const httpWithinMs = 5000;

function headOf(host: string, port: number, path: string): Promise<{ path: string; sizeBytes: number; why: string }> {
  return new Promise((resolve) => {
    const asking = request({ host, port, path, method: 'HEAD', timeout: httpWithinMs, agent: false }, (response) => {
      response.resume();
      const { statusCode = 0, headers } = response;
      const why = statusCode === 404 ? 'not there' : `status ${statusCode}`;
      resolve({ path, sizeBytes: statusCode === 200 ? Number(headers['content-length'] ?? 0) : 0, why });
    });
    asking.on('timeout', () => asking.destroy(new Error('no answer')));
    asking.on('error', (error) => resolve({ path, sizeBytes: 0, why: error.message }));
    asking.end();
  });
}

/** RFC 4578, 2.1: BIOS, and x86-64 UEFI. */
const architectures = [0, 7];

async function checkDhcp(asked: Asked): Promise<ServiceCheck[]> {
  const { localAddress } = asked;
  if (localAddress === null) return [];
  // Nobody's: locally administered, random.
  const hardware = Buffer.from([2, ...randomBytes(5)]);
  const questions = architectures.map((architecture) => makeDiscover({ hardware, architecture }));
  try {
    return judgeOffers(await probeDhcp({ localAddress, questions }), asked);
  } catch (thrown) {
    const reason = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown);
    const why = reason === 'EADDRINUSE' ? 'a DHCP client of this machine holds port 68' : reason;
    return [
      {
        ...{ code: 'dhcp', outcome: 'unknown' },
        message: `DHCP could not be asked: ${why}`,
        advice:
          'Run this as root, on a machine in the network of those that boot, whose own DHCP client is not running.',
      },
    ];
  }
}

type Expected = Pick<Asked, 'dhcp' | 'bootAddress'>;
type Offer = Omit<DhcpOffer, 'pxe'>;

const fault = (code: ServiceCheck['code'], message: string, advice: string): ServiceCheck => {
  return { code, outcome: 'fault', message, advice };
};

/** What the offers of all servers of a network mean for a machine that boots there. */
export function judgeOffers(offers: readonly Offer[], expected: Expected): ServiceCheck[] {
  // Seen from another machine it is not known what ours should do: all that counts is that somebody names its files.
  const own = expected.dhcp === null ? undefined : offers.find(({ server }) => server === expected.bootAddress);
  const others = offers.filter((offer) => offer !== own);
  return [
    ...(expected.dhcp === null ? [] : [judgeOwn(own, expected.bootAddress)]),
    ...judgeAddresses(others, expected),
    ...judgeBootFiles(others, expected),
  ];
}

function judgeOwn(own: Offer | undefined, bootAddress: string): ServiceCheck {
  const ours = `our DHCP at ${bootAddress}`;
  if (own === undefined) {
    return fault(
      'dhcp',
      `${ours} does not answer`,
      'Is the server running with --dhcp-interface, on this network? A firewall must let UDP 67, 68 and 4011 through; switches must not drop its offers (DHCP snooping).',
    );
  }
  if (own.bootFile === null) {
    const advice = 'Look into the log of the server: --log-level debug has every packet.';
    return fault('dhcp', `${ours} offers no boot file`, advice);
  }
  return ok('dhcp', `${ours} offers ${[own.address, own.bootFile].filter(Boolean).join(' and ')}`);
}

function judgeAddresses(others: readonly Offer[], { dhcp }: Expected): ServiceCheck[] {
  const givers = others.filter(({ address }) => address !== null).map(({ server }) => server);
  if (dhcp !== 'full') {
    if (givers.length > 0) return [ok('dhcp', `addresses come from ${givers.join(', ')}`)];
    const advice = 'Start one, or let ours hand them out: --dhcp-range.';
    return [fault('dhcp', 'no DHCP server gives addresses in this network', advice)];
  }
  if (givers.length === 0) return [];
  const what = `another DHCP server gives addresses in this network: ${givers.join(', ')}`;
  const advice = 'Machines take whichever answers first. Switch that one off, or run ours with --dhcp-proxy beside it.';
  return [fault('dhcp-other', what, advice)];
}

function judgeBootFiles(others: readonly Offer[], { dhcp }: Expected): ServiceCheck[] {
  const naming = others.filter(({ bootFile }) => bootFile !== null);
  if (dhcp === null && naming.length === 0) {
    const advice =
      'Run ours (--dhcp-interface), or give your DHCP server the options of docs/operations/network-boot-your-dhcp-server.md.';
    return [fault('dhcp', 'no server names a boot file', advice)];
  }
  return naming.map(({ server, bootFile }) => {
    if (dhcp === null && isOurs(bootFile ?? '')) return ok('dhcp', `${server} names our boot file, ${bootFile}`);
    return fault(
      'dhcp-other',
      `another server, ${server}, gives a boot file of its own: ${bootFile}`,
      'Machines may boot that instead: switch its network boot off, or keep it out of this network.',
    );
  });
}

/** Of a name, a path or a URL. */
function isOurs(bootFile: string): boolean {
  return [...loaders, ...httpBootFiles].some((name) => bootFile.endsWith(name));
}

/** Of what machines load by TFTP; GRUB is what shim loads. */
const fetched = [...loaders, 'grubx64.efi'];
const maxLoaderBytes = 16 * 2 ** 20;

async function checkTftp({ bootAddress, dhcp, localAddress }: Asked): Promise<ServiceCheck[]> {
  if (dhcp === null && localAddress === null) return [];
  const checks: ServiceCheck[] = [];
  for (const file of fetched) {
    const answer = await fetchTftp({ address: bootAddress, file, maxBytes: maxLoaderBytes });
    if (answer.kind === 'file') continue;
    const [message, advice] = tellTftp(answer);
    checks.push(fault('tftp', `TFTP, ${file} from ${bootAddress}: ${message}`, advice));
    // The others would each be waited for, too.
    if (answer.kind === 'silence') break;
  }
  return checks.length > 0 ? checks : [ok('tftp', `the loaders come by TFTP from ${bootAddress}`)];
}

/** What went wrong, and what to do. */
function tellTftp(answer: Exclude<TftpAnswer, { kind: 'file' }>): readonly [string, string] {
  if (answer.kind === 'error') return [answer.message, 'Build the boot files: `deploy-os build --out DATA/boot`.'];
  if (answer.blocksReceived > 0) {
    const advice = 'Packets are lost on the way: look at the link, and at firewalls that forget UDP flows.';
    return [`it broke off after ${answer.blocksReceived} blocks`, advice];
  }
  const advice =
    'Is the server running with --dhcp-interface? A firewall must let UDP 69 through, and the answers, which come from a port of their own (PXE-E32).';
  return ['no answer', advice];
}
