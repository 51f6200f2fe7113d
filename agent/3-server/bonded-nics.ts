// Third stage: the machine's NICs as the search sees them, with those joined that are to be (deploy.bond), and what members and bond say of themselves.
import { toDeployError } from '../../protocol/errors.ts';
import type { BondChoice } from '../1-boot/bond-choice.ts';
import { ensureBond, hasLacpPartner } from '../2-network/bond.ts';
import { type LocalNic, listNics } from '../2-network/nics.ts';
import type { Say } from '../screen/words/words.ts';

/** What the kernel has refused once it is not asked for twice a second. */
const pauseMs = 5000;

export class BondedNics {
  readonly #choice: BondChoice | null;
  #fault: Say | null = null;
  #notBeforeMs = 0;
  #members = new Map<string, Say>();
  #notes = new Map<string, Say>();

  constructor(choice: BondChoice | null) {
    this.#choice = choice;
  }

  /** Why there is no bond though one was asked for: its members are then NICs like others. */
  get fault(): Say | null {
    return this.#fault;
  }

  /** In the order of their names. */
  async list(bootMac: string | null): Promise<LocalNic[]> {
    const found = await listNics(bootMac);
    const nics = this.#choice !== null && (await this.#join(this.#choice, found)) ? await listNics(bootMac) : found;
    this.#members = new Map(nics.filter(({ memberOf }) => memberOf !== null).map((nic) => [nic.name, sayMember(nic)]));
    this.#notes = await noteBonds(nics);
    return nics;
  }

  /** What a NIC says: `own` came of its way to the server, which a member has none of. */
  sayAll(nic: string, own: readonly Say[]): readonly Say[] {
    const [member, note] = [this.#members.get(nic), this.#notes.get(nic)];
    return member !== undefined ? [member] : note !== undefined ? [...own, note] : own;
  }

  async #join(choice: BondChoice, nics: readonly LocalNic[]): Promise<boolean> {
    if (performance.now() < this.#notBeforeMs) return false;
    const { name, members } = choice;
    try {
      const changed = await ensureBond(choice, nics);
      const isThere = changed || nics.some(({ memberOf }) => memberOf === name);
      this.#fault = isThere ? null : ({ wait }) => wait.noBondMember(name, members.join(', '));
      return changed;
    } catch (thrown) {
      const { message } = toDeployError(thrown);
      this.#fault = ({ wait }) => wait.noBond(name, message);
      this.#notBeforeMs = performance.now() + pauseMs;
      return true;
    }
  }
}

function sayMember({ memberOf, link, inReserve }: LocalNic): Say {
  const bond = memberOf ?? '';
  if (!link) return ({ probe }) => probe.memberNoLink(bond);
  return ({ probe }) => (inReserve ? probe.memberInReserve(bond) : probe.member(bond));
}

async function noteBonds(nics: readonly LocalNic[]): Promise<Map<string, Say>> {
  const notes = new Map<string, Say>();
  for (const { name, link, driver } of nics) {
    if (driver !== 'bonding' || !link || (await hasLacpPartner(name)) !== false) continue;
    notes.set(name, ({ probe }) => probe.noLacp);
  }
  return notes;
}
