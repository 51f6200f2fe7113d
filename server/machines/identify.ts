// Which machine is this? The one that has a name of it (identity.ts), if nothing else that is known of it speaks against that.
import { DeployError } from '../../protocol/errors.ts';
import type { Inventory } from '../../protocol/inventory.ts';
import type { Database, MachineRow } from '../database/schema.ts';
import {
  type IdentityFacts,
  listIdentities,
  listMacIdentities,
  normalizeMac,
  normalizeSerial,
  normalizeUuid,
} from './identity.ts';
import { listSeenMacs } from './seen-macs.ts';

/** What is known of a machine; UUIDs and serial numbers that can be believed. */
type Known = {
  readonly uuids: ReadonlySet<string>;
  readonly serials: ReadonlySet<string>;
  readonly macs: ReadonlySet<string>;
  /** Its agent has said all that there is to say. */
  readonly registered: boolean;
};

/** UUID before serial number before MAC address. */
export async function findByFacts(db: Database, facts: IdentityFacts): Promise<MachineRow | undefined> {
  const names = [...new Set([...listIdentities(facts), ...listMacIdentities(facts.macs)])];
  if (names.length === 0) return undefined;
  const rows = await db
    .selectFrom('machines')
    .innerJoin('machineIdentities', 'machineIdentities.machineId', 'machines.id')
    .selectAll('machines')
    .select('identity')
    .where('identity', 'in', names)
    .execute();
  const holders = rows.toSorted((a, b) => names.indexOf(a.identity) - names.indexOf(b.identity));
  for (const { identity, ...machine } of holders) {
    const known = await readKnown(db, machine);
    if (contradicts(known, facts, identity)) continue;
    return (await findTwin(db, { known, facts, identity, holders })) ?? machine;
  }
  return undefined;
}

/** Can the machine be the one with these facts? */
export async function isPossible(db: Database, machine: MachineRow, facts: IdentityFacts): Promise<boolean> {
  const uuid = normalizeUuid(facts.uuid);
  return !contradicts(await readKnown(db, machine), facts, uuid === null ? 'serial:' : `uuid:${uuid}`);
}

function contradicts(known: Known, facts: IdentityFacts, by: string): boolean {
  const [uuid, serial] = [normalizeUuid(facts.uuid), normalizeSerial(facts.serial)];
  const differs = (word: string | null, words: ReadonlySet<string>, unlessNone: boolean) =>
    word !== null && (words.size === 0 ? unlessNone : !words.has(word));
  if (differs(uuid, known.uuids, known.registered)) return true;
  const byMac = by.startsWith('mac:');
  if (!differs(serial, known.serials, known.registered && byMac)) return byMac && uuid === null && known.uuids.size > 0;
  // One UUID and two serial numbers: a vendor's fault, unless there is a card that both have.
  return !by.startsWith('uuid:') || !sharesMac(known, facts);
}

function sharesMac(known: Known, { macs }: IdentityFacts): boolean {
  return macs.some((mac) => known.macs.has(normalizeMac(mac) ?? ''));
}

type Found = {
  readonly known: Known;
  readonly facts: IdentityFacts;
  readonly identity: string;
  readonly holders: readonly (MachineRow & { readonly identity: string })[];
};

/** Of two machines with one UUID, the one that is known by this MAC address: boot loaders do not tell serial numbers. */
async function findTwin(db: Database, { known, facts, identity, holders }: Found): Promise<MachineRow | undefined> {
  if (!identity.startsWith('uuid:') || normalizeSerial(facts.serial) !== null || sharesMac(known, facts))
    return undefined;
  const uuid = normalizeUuid(facts.uuid) ?? '';
  for (const { identity: other, ...machine } of holders) {
    if (other.startsWith('mac:') && (await readKnown(db, machine)).uuids.has(uuid)) return machine;
  }
  return undefined;
}

async function readKnown(db: Database, { id, inventory }: MachineRow): Promise<Known> {
  const rows = await db.selectFrom('machineIdentities').select('identity').where('machineId', '=', id).execute();
  const named = (kind: string) =>
    rows.flatMap(({ identity }) => (identity.startsWith(kind) ? identity.slice(kind.length) : []));
  const said: Inventory | null = inventory === null ? null : JSON.parse(inventory);
  const smbios = said?.smbios;
  // Those that its boot loader said may be those of a machine that was taken for it.
  const macs = said?.nics.map(({ mac }) => mac) ?? (await listSeenMacs(db, id));
  const good = (word: string | null): string[] => (word === null ? [] : [word]);
  return {
    uuids: new Set([...named('uuid:'), ...good(normalizeUuid(smbios?.uuid ?? null))]),
    serials: new Set([...named('serial:'), ...good(normalizeSerial(smbios?.serial ?? null))]),
    macs: new Set([...named('mac:'), ...macs]),
    registered: inventory !== null,
  };
}

/** Best first. */
export async function listOwnIdentities(db: Database, machineId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('machineIdentities')
    .select('identity')
    .where('machineId', '=', machineId)
    .orderBy('identity', 'desc')
    .execute();
  return rows.map(({ identity }) => identity);
}

/** It is not known by that any more, unless it says it again. @throws DeployError identity-not-found */
export async function forgetIdentity(db: Database, machine: MachineRow, identity: string): Promise<void> {
  const { numDeletedRows } = await db
    .deleteFrom('machineIdentities')
    .where('machineId', '=', machine.id)
    .where('identity', '=', identity)
    .executeTakeFirst();
  if (identity.startsWith('mac:')) {
    const mac = identity.slice('mac:'.length);
    const seen = await db
      .deleteFrom('machineMacs')
      .where('machineId', '=', machine.id)
      .where('mac', '=', mac)
      .executeTakeFirst();
    if (seen.numDeletedRows === 1n) return;
  }
  if (numDeletedRows !== 1n) throw new DeployError('identity-not-found', `${machine.name} is not known by ${identity}`);
}
