// What is known of a machine, in a form that rules and searches read quickly; and its membership in groups by rule, which follows from it.
import type { Inventory } from '../../protocol/inventory.ts';
import type { Database } from '../database/schema.ts';
import { foldName } from '../fold-name.ts';
import { fitGroups } from '../groups/fit-groups.ts';
import type { MachineFacts } from './machine-rule.ts';
import { listMacs } from './seen-macs.ts';
import { listTags } from './tags.ts';

type Beside = Readonly<Record<'identities' | 'macs' | 'tags', readonly string[]>>;
type Known = { id: string; name: string; inventory: string | null; address: string | null };

/** To be called in the transaction that changed a machine's name, inventory, address, identities or tags. */
export async function refreshFacts(db: Database, machineId: string): Promise<void> {
  const machine = await db
    .selectFrom('machines')
    .select(['id', 'name', 'inventory', 'address'])
    .where('id', '=', machineId)
    .executeTakeFirstOrThrow();
  const identities = await db
    .selectFrom('machineIdentities')
    .select('identity')
    .where('machineId', '=', machineId)
    .execute();
  const facts = toFacts(machine, {
    identities: identities.map(({ identity }) => identity),
    macs: await listMacs(db, machineId),
    tags: await listTags(db, machineId),
  });
  const row = { facts: JSON.stringify(facts), search: toSearchText(machine, facts) };
  await db
    .insertInto('machineFacts')
    .values({ machineId, ...row })
    .onConflict((conflict) => conflict.column('machineId').doUpdateSet(row))
    .execute();
  await fitGroups(db, machineId, facts);
}

/** Machines of a database that an older version has written. */
export async function fillFacts(db: Database): Promise<void> {
  const missing = await db
    .selectFrom('machines')
    .leftJoin('machineFacts', 'machineFacts.machineId', 'machines.id')
    .select('machines.id')
    .where('machineFacts.machineId', 'is', null)
    .execute();
  for (const { id } of missing) await refreshFacts(db, id);
}

function toFacts(machine: Known, { identities, macs, tags }: Beside): MachineFacts {
  const inventory: Inventory | null = machine.inventory === null ? null : JSON.parse(machine.inventory);
  const named = (kind: string) => identities.flatMap((each) => (each.startsWith(kind) ? each.slice(kind.length) : []));
  const nics = inventory?.nics ?? [];
  const addresses = nics.flatMap((nic) => nic.addresses.map((address) => address.replace(/\/\d+$/, '')));
  return {
    uuid: inventory?.smbios.uuid ?? named('uuid:')[0] ?? null,
    serial: inventory?.smbios.serial ?? null,
    // A USB dongle that was seen at it once, and now is elsewhere, is none of its cards.
    macs: [...new Set(inventory === null ? [...macs, ...named('mac:')] : nics.map(({ mac }) => mac))],
    manufacturer: inventory?.smbios.manufacturer ?? null,
    product: inventory?.smbios.product ?? null,
    addresses: [...new Set([...(machine.address === null ? [] : [machine.address]), ...addresses])],
    tags,
  };
}

/** A word a line; MAC addresses also as other people write them. */
function toSearchText({ id, name }: Known, facts: MachineFacts): string {
  const { uuid, serial, macs, manufacturer, product, addresses, tags } = facts;
  const otherMacs = macs.flatMap((mac) => [mac.replaceAll(':', '-'), mac.replaceAll(':', '')]);
  const words = [name, id, uuid, serial, manufacturer, product, ...macs, ...otherMacs, ...addresses, ...tags];
  return foldName(words.filter((word) => word !== null).join('\n'));
}
