// Third stage: all NICs on their way to the server at once, and which of them gets there first.
import type { Nic } from '../../protocol/inventory.ts';
import type { CommandLine } from '../1-boot/command-line.ts';
import { isNamed, type LocalNic, orderNics } from '../2-network/nics.ts';
import { en } from '../screen/words/en.ts';
import type { Say } from '../screen/words/words.ts';
import { BondedNics } from './bonded-nics.ts';
import { NicProbe, type Route } from './nic-probe.ts';

/** How long a preferred NIC may take longer than one that has already found the server. */
const preferenceMs = 3000;
/** What the protocol allows. */
const maxResultLength = 512;

export class NicSearch {
  /** The way in use: it is kept as long as the server answers by it, whatever other NIC would be preferred. */
  current: Route | undefined;
  readonly #commandLine: CommandLine;
  readonly #bonded: BondedNics;
  readonly #askedFrom = new Set<string>();
  readonly #probes = new Map<string, NicProbe>();
  #turn: { readonly nic: string; readonly failures: number } | undefined;
  #firstFoundMs: number | undefined;
  readonly #told = new Set<string>();

  constructor(commandLine: CommandLine) {
    this.#commandLine = commandLine;
    this.#bonded = new BondedNics(commandLine.bond);
  }

  /** Takes every NIC a step further, and tells the route to the server once there is no better one to wait for. */
  async step(): Promise<{ nics: LocalNic[]; route: Route | undefined }> {
    const nics = await this.#list();
    // Not the members of a bond: it has the addresses.
    const single = nics.filter(({ memberOf }) => memberOf === null);
    const turn = this.#chooseTurn(single);
    // One after the other: the address that was given leaves one NIC before another one takes it.
    for (const nic of single.toSorted((a, b) => Number(a.name === turn) - Number(b.name === turn))) {
      await this.#probeOf(nic.name).advance(nic, nic.name === turn);
    }
    return { nics, route: this.#chooseRoute(single) };
  }

  /** The NICs as they stand now, each with what came of it. */
  async listResults(nics?: readonly LocalNic[]): Promise<Nic[]> {
    return (nics ?? (await this.#list())).map(({ index: _, memberOf: _of, inReserve: _in, ...nic }) => {
      return { ...nic, result: this.sayOf(nic.name)(en).slice(0, maxResultLength) };
    });
  }

  /** The NIC in use as it stands now; undefined when it is gone. */
  async readCurrent(): Promise<LocalNic | undefined> {
    return (await this.#list()).find(({ name }) => name === this.current?.nic);
  }

  sayOf(nic: string): Say {
    const { say, faults } = this.#probeOf(nic);
    const all = this.#bonded.sayAll(nic, [say, ...faults]);
    return (words) => all.map((one) => one(words)).join(words.probe.and);
  }

  /** Why there is no bond though one was asked for. */
  get bondFault(): Say | null {
    return this.#bonded.fault;
  }

  /** What came of each NIC so far, by its name. */
  sayAll(): Map<string, Say> {
    return new Map([...this.#probes.keys()].map((nic) => [nic, this.sayOf(nic)]));
  }

  /** Faults beside the way to the server that were not told yet, a sentence each. */
  takeFaults(): string[] {
    const all = [...this.#probes].flatMap(([nic, { faults }]) => faults.map((fault) => `${nic}: ${fault(en)}`));
    const untold = all.filter((fault) => !this.#told.has(fault));
    for (const fault of untold) this.#told.add(fault);
    return untold;
  }

  /** What was found counts no longer: the server is asked again through every NIC. */
  startAgain(): void {
    this.#firstFoundMs = undefined;
    for (const probe of this.#probes.values()) probe.askAgain();
  }

  async #list(): Promise<LocalNic[]> {
    const nics = orderNics(await this.#bonded.list(this.#commandLine.bootMac), this.#preferred);
    const isCurrent = ({ name }: LocalNic): number => Number(name === this.current?.nic);
    return nics.toSorted((a, b) => isCurrent(b) - isCurrent(a));
  }

  get #preferred(): string | null {
    return this.#commandLine.preferredNic ?? this.#commandLine.bond?.name ?? null;
  }

  #probeOf(nic: string): NicProbe {
    const probe = this.#probes.get(nic) ?? new NicProbe(this.#commandLine, this.#askedFrom);
    this.#probes.set(nic, probe);
    return probe;
  }

  /** Of an address that was given there is one: a NIC has it until the server was asked through it in vain, or its link is gone; then the next one. */
  #chooseTurn(nics: readonly LocalNic[]): string | undefined {
    const linked = nics.filter(({ link }) => link).map(({ name }) => name);
    const at = linked.indexOf(this.#turn?.nic ?? '');
    const current = at < 0 ? undefined : linked[at];
    const keeps = current !== undefined && this.#probeOf(current).failures === this.#turn?.failures;
    const nic = keeps ? current : linked[(at + 1) % linked.length];
    this.#turn = nic === undefined ? undefined : { nic, failures: this.#probeOf(nic).failures };
    return nic;
  }

  #chooseRoute(nics: readonly LocalNic[]): Route | undefined {
    const routes = nics.map((nic) => this.#probes.get(nic.name)?.found);
    const best = routes.find((route) => route !== undefined);
    if (best === undefined) return undefined;
    this.#firstFoundMs ??= performance.now();
    const before = nics.slice(0, routes.indexOf(best));
    // Only one NIC can have an address that was given: the others have nothing to find.
    const mayBeat = this.#commandLine.ip.kind === 'dhcp' && before.some((nic) => nic.link && this.#isPreferred(nic));
    return mayBeat && performance.now() - this.#firstFoundMs <= preferenceMs ? undefined : best;
  }

  #isPreferred(nic: LocalNic): boolean {
    return nic.name === this.current?.nic || nic.boot || isNamed(nic, this.#preferred);
  }
}
