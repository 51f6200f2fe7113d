// A machine shows up, at the boot script or as an agent: it is recognised, or written down as pending.
import type { Inventory } from '../../protocol/inventory.ts';
import { approveMachine } from '../approvals/approve-machine.ts';
import type { Database, MachineRow } from '../database/schema.ts';
import { transact } from '../database/transact.ts';
import { newId } from '../new-id.ts';
import { type IdentityFacts, listIdentities, normalizeMac } from './identity.ts';
import { refreshFacts } from './machine-facts.ts';
import { findMachine } from './read-machines.ts';
import { noteMacs } from './seen-macs.ts';

type Sighting = IdentityFacts & {
  /** Where it asks from. */
  readonly address: string;
  /** Why it is approved at once, for the audit log; null: it waits, unless the rules for approval fit it. */
  readonly approvedBy: Record<string, string> | null;
};

/** The machine with these facts; a new one is pending, unless it is approved at once. Null when nothing identifies it. */
export async function registerMachine(db: Database, sighting: Sighting): Promise<MachineRow | null> {
  const identities = listIdentities(sighting);
  if (identities.length === 0) return null;
  return transact(db, async (transaction) => {
    const known = await findByIdentity(transaction, identities);
    const machine = known ?? (await createMachine(transaction, sighting));
    await addIdentities(transaction, machine.id, identities);
    await noteMacs(transaction, machine.id, sighting.macs);
    const address = sighting.address.replace(/^::ffff:(?=\d+\.)/, '');
    await transaction.updateTable('machines').set({ address }).where('id', '=', machine.id).execute();
    await refreshFacts(transaction, [machine.id]);
    if (sighting.approvedBy !== null) await approveMachine(transaction, { ...machine, address }, sighting.approvedBy);
    return findMachine(transaction, machine.id);
  });
}

/** Keeps what the agent of a machine said of itself, and under which further names the machine may show up. */
export async function recordInventory(db: Database, machineId: string, inventory: Inventory): Promise<void> {
  const { uuid } = inventory.smbios;
  const macs = inventory.nics.map((nic) => nic.mac);
  await transact(db, async (transaction) => {
    await addIdentities(transaction, machineId, listIdentities({ uuid, macs }));
    await noteMacs(transaction, machineId, macs);
    await transaction
      .updateTable('machines')
      .set({ inventory: JSON.stringify(inventory), lastSeenAt: new Date().toISOString() })
      .where('id', '=', machineId)
      .execute();
    await refreshFacts(transaction, [machineId]);
  });
}

async function findByIdentity(db: Database, identities: readonly string[]): Promise<MachineRow | undefined> {
  const rows = await db
    .selectFrom('machines')
    .innerJoin('machineIdentities', 'machineIdentities.machineId', 'machines.id')
    .selectAll('machines')
    .select('machineIdentities.identity')
    .where('machineIdentities.identity', 'in', identities)
    .execute();
  return rows.toSorted((a, b) => identities.indexOf(a.identity) - identities.indexOf(b.identity))[0];
}

async function createMachine(db: Database, sighting: Sighting): Promise<MachineRow> {
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
async function chooseName(db: Database, { uuid, macs }: Sighting): Promise<string> {
  const mac = macs.map(normalizeMac).find((candidate) => candidate !== null);
  const name = mac?.replaceAll(':', '-') ?? `machine-${uuid?.slice(0, 8).toLowerCase()}`;
  const taken = await db.selectFrom('machines').select('id').where('name', '=', name).executeTakeFirst();
  return taken === undefined ? name : `${name}-${newId().slice(-7)}`;
}

/** An identity that another machine holds stays with it. */
async function addIdentities(db: Database, machineId: string, identities: readonly string[]): Promise<void> {
  if (identities.length === 0) return;
  await db
    .insertInto('machineIdentities')
    .values(identities.map((identity) => ({ identity, machineId })))
    .onConflict((conflict) => conflict.column('identity').doNothing())
    .execute();
}
