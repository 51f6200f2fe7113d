// Third stage: how far one NIC has come on its way to the server: link, address, name, and the CA that was pinned.
import { isIPv4, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { fetchPinnedCa, type PinnedCa } from '../../imaging/store/pinned-ca.ts';
import { toDeployError } from '../../protocol/errors.ts';
import type { CommandLine } from '../1-boot/command-line.ts';
import { bringUp } from '../2-network/bring-up.ts';
import { ensureDhcp, renewLease } from '../2-network/dhcp.ts';
import { type Lease, readLease } from '../2-network/lease.ts';
import type { LocalNic } from '../2-network/nics.ts';
import { findOtherServers } from '../2-network/other-servers.ts';
import { claimAddress, type Way } from '../2-network/route.ts';
import { clearStaticAddress, readAddressState, setStaticAddress } from '../2-network/static-address.ts';
import { ensureDevice, vlanName } from '../2-network/vlan.ts';
import { type Say, verbatim } from '../screen/words/words.ts';
import { faultWords } from './fault-words.ts';
import { type AskLarge, PathMtu } from './path-mtu.ts';
import { NameFault, resolveThrough } from './resolve-name.ts';

const askTimeoutMs = 5000;
const askPauseMs = 2000;

/** The server has answered by this way. */
export type Route = Way & { readonly nic: string; readonly serverAddress: string; readonly pinned: PinnedCa };

export class NicProbe {
  /** What is waited for, or what came of it, in words. */
  say: Say = ({ probe }) => probe.bringingUp;
  found: Route | undefined;
  /** What was said last of an address from which the server was asked. */
  #outcome: Say | undefined;
  /** How often the server has been asked in vain with the address that was given. */
  failures = 0;
  /** What is wrong beside the way to the server. */
  #otherServers: readonly Say[] = [];
  readonly #pathMtu = new PathMtu();
  /** The address by which it was asked who else answers. */
  #lookedAroundFrom: string | undefined;
  readonly #commandLine: CommandLine;
  readonly #server: { readonly host: string; readonly port: number };
  readonly #askedFrom: Set<string>;
  #hadLink: boolean | undefined;
  /** Undefined until it is known: an agent before this one may have given it the address. */
  #hasStaticAddress: boolean | undefined;
  #asking = false;
  #notBeforeMs = 0;

  /** `askedFrom`: the addresses from which a NIC asks the server just now, shared by all of them. */
  constructor(commandLine: CommandLine, askedFrom: Set<string>) {
    this.#commandLine = commandLine;
    this.#askedFrom = askedFrom;
    const { hostname, port } = new URL(commandLine.serverUrl);
    this.#server = { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port || 443) };
  }

  /** Takes the NIC as far as it can go now; `mayHaveAddress`: whether it is its turn to have the address that was given. */
  async advance(nic: LocalNic, mayHaveAddress: boolean): Promise<void> {
    try {
      if (!mayHaveAddress) await this.#giveUpStatic(nic);
      if (!nic.link) return await this.#waitForLink(nic);
      const device = await ensureDevice(nic, this.#commandLine.vlan);
      if (this.#hadLink === false) await renewLease(device);
      this.#hadLink = true;
      const way = await this.#findWay(device, mayHaveAddress);
      if (way === null || this.#asking || performance.now() < this.#notBeforeMs) return;
      // Two NICs that were given one address ask one after the other.
      if (this.found?.address === way.address || !this.#askedFrom.has(way.address)) void this.#ask(nic.name, way);
    } catch (thrown) {
      const { message } = toDeployError(thrown);
      this.say = ({ probe }) => probe.cannotSetUp(message);
    }
  }

  /** Faults that do not stop it. */
  get faults(): Say[] {
    const { fault } = this.#pathMtu;
    return [...this.#otherServers, ...(fault === null ? [] : [fault])];
  }

  /** Forgets that the server answered: it is asked again. */
  askAgain(): void {
    this.#lose();
    this.#notBeforeMs = 0;
  }

  #lose(): void {
    // Another NIC with the same address may ask again.
    if (this.found !== undefined && !this.#asking) this.#askedFrom.delete(this.found.address);
    this.found = undefined;
  }

  async #waitForLink(nic: LocalNic): Promise<void> {
    this.say = ({ probe }) => probe.noLink;
    this.#lose();
    this.#otherServers = [];
    this.#lookedAroundFrom = undefined;
    if (this.#hadLink === true) this.#hadLink = false;
    await bringUp(nic.name);
  }

  async #findWay(device: string, mayHaveAddress: boolean): Promise<Way | null> {
    if (this.#commandLine.ip.kind === 'dhcp') return await this.#askDhcp(device);
    return await this.#takeStatic(device, mayHaveAddress);
  }

  async #askDhcp(device: string): Promise<Way | null> {
    await ensureDhcp(device);
    const lease = await readLease(device);
    const wanted = isIPv6(this.#server.host) ? isIPv6 : isIPv4;
    const address = addressesOf(device).find((candidate) => wanted(candidate) && !candidate.startsWith('fe80:'));
    if (address === undefined || (isIPv4(address) && lease?.event !== 'bound')) {
      this.say = dhcpWords(lease);
      return null;
    }
    this.#lookAround(device, address);
    return { device, address, names: lease?.names ?? { servers: [], domain: null } };
  }

  /** Once for each address; nothing waits for it. */
  #lookAround(device: string, address: string): void {
    if (this.#lookedAroundFrom === address || !isIPv4(address)) return;
    this.#lookedAroundFrom = address;
    void findOtherServers(device, address).then((faults) => {
      if (this.#lookedAroundFrom === address) this.#otherServers = faults;
    });
  }

  async #giveUpStatic(nic: LocalNic): Promise<void> {
    const { ip, vlan } = this.#commandLine;
    if (ip.kind !== 'static' || this.#hasStaticAddress === false) return;
    await clearStaticAddress(vlan === null ? nic.name : vlanName(nic, vlan), ip);
    this.#hasStaticAddress = false;
  }

  async #takeStatic(device: string, mayHaveAddress: boolean): Promise<Way | null> {
    const { ip } = this.#commandLine;
    if (ip.kind !== 'static') return null;
    if (!mayHaveAddress) {
      if (this.failures === 0) this.say = ({ probe }) => probe.itsTurn(ip.address);
      return null;
    }
    const state =
      this.#hasStaticAddress === true ? await readAddressState(ip.address) : await setStaticAddress(device, ip);
    this.#hasStaticAddress = state !== 'taken';
    if (state === 'taken') {
      this.failures++;
      this.say = ({ probe }) => probe.duplicate(ip.address);
    } else if (state === 'checking') {
      this.say = ({ probe }) => probe.checking(ip.address);
    }
    return state === 'ready' ? { device, address: ip.address, names: { servers: ip.dns, domain: null } } : null;
  }

  async #ask(nic: string, way: Way): Promise<void> {
    const { serverUrl, caFingerprint } = this.#commandLine;
    const { host, port } = this.#server;
    this.#asking = true;
    this.#askedFrom.add(way.address);
    if (this.say !== this.#outcome) this.#sayOutcome(({ probe }) => probe.asking(way.address));
    let address = host;
    try {
      await claimAddress(way);
      address = await resolveThrough(way, host);
      const ask: AskLarge = (options) =>
        fetchPinnedCa(serverUrl, caFingerprint, {
          localAddress: way.address,
          timeoutMs: askTimeoutMs,
          lookup: (_name, lookup, found) => answerLookup(address, lookup.all === true, found),
          ...options,
        });
      const pinned = await ask();
      await this.#pathMtu.check(way, address, ask);
      this.found = { ...way, mtu: this.#pathMtu.limit, nic, serverAddress: address, pinned };
      this.#sayOutcome(({ probe }) => probe.reaches(way.address));
    } catch (thrown) {
      this.found = undefined;
      this.failures++;
      const resolved = address !== host || isIPv4(host) || isIPv6(host);
      const fault =
        resolved || thrown instanceof NameFault
          ? faultWords(thrown, { address, port })
          : verbatim(toDeployError(thrown).message);
      this.#sayOutcome((words) => words.probe.fault(way.address, fault(words)));
    } finally {
      this.#asking = false;
      // As long as it is the way to the server: the answer to another NIC with that address would come by this one, too.
      if (this.found === undefined) this.#askedFrom.delete(way.address);
      this.#notBeforeMs = performance.now() + askPauseMs;
    }
  }

  #sayOutcome(say: Say): void {
    this.say = say;
    this.#outcome = say;
  }
}

type LookupAnswer = (error: null, address: string | { address: string; family: number }[], family?: number) => void;

/** What dns.lookup would say. */
function answerLookup(address: string, all: boolean, found: LookupAnswer): void {
  const family = isIPv4(address) ? 4 : 6;
  if (all) found(null, [{ address, family }]);
  else found(null, address, family);
}

function addressesOf(device: string): string[] {
  return (networkInterfaces()[device] ?? []).map(({ address }) => address);
}

function dhcpWords(lease: Lease | null): Say {
  switch (lease?.event) {
    case 'nak':
      return ({ probe }) => probe.nak(lease.server, lease.message);
    case 'declined':
      return ({ probe }) => probe.declined(lease.address);
    case 'leasefail':
      return ({ probe }) => probe.noDhcp;
    default:
      return ({ probe }) => probe.waitingForDhcp;
  }
}
