// A machine shows up, at the boot script or as an agent: it is recognised, or written down as pending.
import type { Inventory } from '../../protocol/inventory.ts';
import type { About } from '../../protocol/people.ts';
import { approveMachine } from '../approvals/approve-machine.ts';
import type { Database, MachineRow } from '../database/schema.ts';
import { transactInTurn } from '../database/transact.ts';
import { newId } from '../new-id.ts';
import { findByFacts, isPossible } from './identify.ts';
import {
  type IdentityFacts,
  listIdentities,
  listMacIdentities,
  normalizeMac,
  normalizeSerial,
  normalizeUuid,
} from './identity.ts';
import { refreshFacts } from './machine-facts.ts';
import { mergeMachines } from './merge-machines.ts';
import { findMachine } from './read-machines.ts';
import { forgetMacs, noteMacs } from './seen-macs.ts';

type Sighting = IdentityFacts & {
  /** Where it asks from. */
  readonly address: string;
  /** Why it is approved at once, for the audit log; null: it waits, unless the rules for approval fit it. */
  readonly approvedBy: About | null;
};

/** The machine with these facts; a new one is pending, unless it is approved at once. Null when nothing identifies it. */
export async function registerMachine(db: Database, sighting: Sighting): Promise<MachineRow | null> {
  if (listIdentities(sighting).length === 0) return null;
  return transactInTurn(db, async (transaction) => {
    const known = await findByFacts(transaction, sighting);
    const machine = known ?? (await createMachine(transaction, sighting));
    await addIdentities(transaction, machine.id, sighting);
    await noteMacs(transaction, machine.id, sighting.macs);
    const address = sighting.address.replace(/^::ffff:(?=\d+\.)/, '');
    await transaction.updateTable('machines').set({ address }).where('id', '=', machine.id).execute();
    await refreshFacts(transaction, [machine.id]);
    if (sighting.approvedBy !== null) await approveMachine(transaction, { ...machine, address }, sighting.approvedBy);
    return findMachine(transaction, machine.id);
  });
}

/**
 * The machine that an agent's inventory is of, before anything is kept of it. At the boot script less was known: another machine with this
 * network card, or with the same faulty UUID, may have been taken for it; or it is one that somebody has imported. The boot's token goes along.
 */
export async function settleIdentity(
  db: Database,
  { machineId, bootId }: { readonly machineId: string; readonly bootId: string },
  inventory: Inventory,
): Promise<string> {
  const facts = factsOf(inventory);
  const before = await findMachine(db, machineId);
  if (before.inventory !== null && (await findByFacts(db, facts))?.id === machineId) return machineId;
  return transactInTurn(db, async (transaction) => {
    const machine = await findMachine(transaction, machineId);
    const imported = machine.inventory === null ? await findImported(transaction, machine, facts) : undefined;
    if (imported !== undefined) {
      await mergeMachines(transaction, machine, imported);
      return imported.id;
    }
    const found = await findByFacts(transaction, facts);
    if (found?.id === machineId || (found === undefined && (await isPossible(transaction, machine, facts))))
      return machineId;
    if (listIdentities(facts).length === 0) return machineId;
    const right = found ?? (await createMachine(transaction, facts));
    await transaction
      .updateTable('bootTokens')
      .set({ machineId: right.id })
      .where('machineId', '=', machineId)
      .where('bootId', '=', bootId)
      .execute();
    const own: Inventory | null = machine.inventory === null ? null : JSON.parse(machine.inventory);
    const others = facts.macs.filter((mac) => own?.nics.every((nic) => nic.mac !== mac) ?? false);
    await forgetMacs(transaction, machineId, others);
    await addIdentities(transaction, right.id, facts);
    await noteMacs(transaction, right.id, facts.macs);
    await transaction.updateTable('machines').set({ address: machine.address }).where('id', '=', right.id).execute();
    await refreshFacts(transaction, [right.id, machineId]);
    return right.id;
  });
}

/** One that was never here, and that this may be: by its serial number or a MAC address, for a boot loader may have told only the UUID. */
async function findImported(db: Database, { id }: MachineRow, facts: IdentityFacts): Promise<MachineRow | undefined> {
  const names = [...listIdentities(facts), ...listMacIdentities(facts.macs)];
  if (names.length === 0) return undefined;
  const rows = await db
    .selectFrom('machines')
    .selectAll()
    .where('id', 'in', ({ selectFrom }) =>
      selectFrom('machineIdentities').select('machineId').where('identity', 'in', names),
    )
    .where('lastSeenAt', 'is', null)
    .where('id', '!=', id)
    .orderBy('id')
    .execute();
  for (const machine of rows) if (await isPossible(db, machine, facts)) return machine;
  return undefined;
}

function factsOf({ smbios, nics }: Inventory): IdentityFacts {
  return { uuid: smbios.uuid, serial: smbios.serial, macs: nics.map((nic) => nic.mac) };
}

/** Keeps what the agent of a machine said of itself, and under which further names the machine may show up. */
export async function recordInventory(db: Database, machineId: string, inventory: Inventory): Promise<void> {
  const facts = factsOf(inventory);
  await transactInTurn(db, async (transaction) => {
    await addIdentities(transaction, machineId, facts);
    await noteMacs(transaction, machineId, facts.macs);
    await transaction
      .updateTable('machines')
      .set({ inventory: JSON.stringify(inventory), lastSeenAt: new Date().toISOString() })
      .where('id', '=', machineId)
      .execute();
    await refreshFacts(transaction, [machineId]);
  });
}

async function createMachine(db: Database, sighting: IdentityFacts): Promise<MachineRow> {
  const machine: MachineRow = {
    id: newId(),
    name: await chooseName(db, sighting),
    state: 'pending',
    inventory: null,
    createdAt: new Date().toISOString(),
    lastSeenAt: new Date().toISOString(),
    onlineUntil: null,
    bootProfileId: null,
    address: null,
    serverId: null,
  };
  await db.insertInto('machines').values(machine).execute();
  return machine;
}

/** Its first MAC address, which stands on the case; a person renames it later. */
async function chooseName(db: Database, { uuid, serial, macs }: IdentityFacts): Promise<string> {
  const mac = macs.map(normalizeMac).find((candidate) => candidate !== null);
  const name = mac?.replaceAll(':', '-') ?? `machine-${normalizeUuid(uuid)?.slice(0, 8) ?? normalizeSerial(serial)}`;
  const taken = await db.selectFrom('machines').select('id').where('name', '=', name).executeTakeFirst();
  return taken === undefined ? name : `${name}-${newId().slice(-7)}`;
}

/** An identity that another machine holds stays with it. */
async function addIdentities(db: Database, machineId: string, facts: IdentityFacts): Promise<void> {
  const uuid = normalizeUuid(facts.uuid);
  await insertIdentities(db, machineId, listIdentities(facts));
  const holder =
    uuid === null
      ? undefined
      : await db
          .selectFrom('machineIdentities')
          .select('machineId')
          .where('identity', '=', `uuid:${uuid}`)
          .executeTakeFirst();
  if (holder?.machineId === machineId) {
    // What it was known by before it had a UUID may be a dongle's.
    const macs = db.deleteFrom('machineIdentities').where('machineId', '=', machineId);
    await macs.where('identity', 'like', 'mac:%').execute();
  } else if (holder !== undefined) {
    // It shares its UUID with another machine, and needs another name.
    await insertIdentities(db, machineId, listMacIdentities(facts.macs));
  }
}

async function insertIdentities(db: Database, machineId: string, identities: readonly string[]): Promise<void> {
  if (identities.length === 0) return;
  await db
    .insertInto('machineIdentities')
    .values(identities.map((identity) => ({ identity, machineId })))
    .onConflict((conflict) => conflict.column('identity').doNothing())
    .execute();
}
