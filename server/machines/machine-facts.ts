// What is known of a machine, in a form that rules and searches read quickly; and its membership in groups by rule, which follows from it.
import type { Inventory } from '../../protocol/inventory.ts';
import type { Database } from '../database/schema.ts';
import { foldName } from '../fold-name.ts';
import { fitGroups } from '../groups/fit-groups.ts';
import type { MachineFacts } from './machine-rule.ts';

type Beside = Readonly<Record<'identities' | 'macs' | 'tags', readonly string[]>>;
type Known = { id: string; name: string; inventory: string | null; address: string | null };

/** How many machines are worked on at once. */
const portion = 500;

/** To be called in the transaction that changed a machine's name, inventory, address, identities or tags. */
export async function refreshFacts(db: Database, machineIds: readonly string[]): Promise<void> {
  for (let at = 0; at < machineIds.length; at += portion) {
    const ids = machineIds.slice(at, at + portion);
    const machines = await db
      .selectFrom('machines')
      .select(['id', 'name', 'inventory', 'address'])
      .where('id', 'in', ids)
      .execute();
    const beside = await readBeside(db, ids);
    const known = machines.map((machine) => ({ machine, facts: toFacts(machine, beside(machine.id)) }));
    const rows = known.map(({ machine, facts }) => ({
      machineId: machine.id,
      facts: JSON.stringify(facts),
      search: toSearchText(machine, facts),
    }));
    await db
      .insertInto('machineFacts')
      .values(rows)
      .onConflict((conflict) =>
        conflict.column('machineId').doUpdateSet((row) => ({
          facts: row.ref('excluded.facts'),
          search: row.ref('excluded.search'),
        })),
      )
      .execute();
    await fitGroups(db, new Map(known.map(({ machine, facts }) => [machine.id, facts])));
  }
}

/** Machines of a database that an older version has written. */
export async function fillFacts(db: Database): Promise<void> {
  const missing = await db
    .selectFrom('machines')
    .leftJoin('machineFacts', 'machineFacts.machineId', 'machines.id')
    .select('machines.id')
    .where('machineFacts.machineId', 'is', null)
    .execute();
  await refreshFacts(
    db,
    missing.map(({ id }) => id),
  );
}

async function readBeside(db: Database, ids: readonly string[]): Promise<(id: string) => Beside> {
  const identities = db.selectFrom('machineIdentities').select(['machineId', 'identity as word']);
  const macs = db
    .selectFrom('machineMacs')
    .select(['machineId', 'mac as word'])
    .orderBy('seenAt', 'desc')
    .orderBy('mac');
  const tags = db.selectFrom('machineTags').select(['machineId', 'tag as word']).orderBy('foldedTag');
  const of = {
    identities: Map.groupBy(await identities.where('machineId', 'in', ids).execute(), ({ machineId }) => machineId),
    macs: Map.groupBy(await macs.where('machineId', 'in', ids).execute(), ({ machineId }) => machineId),
    tags: Map.groupBy(await tags.where('machineId', 'in', ids).execute(), ({ machineId }) => machineId),
  };
  const words = (rows: readonly { word: string }[] = []): string[] => rows.map(({ word }) => word);
  return (id) => ({
    identities: words(of.identities.get(id)),
    macs: words(of.macs.get(id)),
    tags: words(of.tags.get(id)),
  });
}

function toFacts(machine: Known, { identities, macs, tags }: Beside): MachineFacts {
  const inventory: Inventory | null = machine.inventory === null ? null : JSON.parse(machine.inventory);
  const named = (kind: string) => identities.flatMap((each) => (each.startsWith(kind) ? each.slice(kind.length) : []));
  const nics = inventory?.nics ?? [];
  const addresses = nics.flatMap((nic) => nic.addresses.map((address) => address.replace(/\/\d+$/, '')));
  return {
    uuid: inventory?.smbios.uuid ?? named('uuid:')[0] ?? null,
    serial: inventory?.smbios.serial ?? named('serial:')[0] ?? null,
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
