// What is known of a machine that power drivers need: its NICs' MAC addresses, where it was seen, its UUID.
import type { Inventory } from '../../protocol/inventory.ts';
import type { Database, MachineRow } from '../database/schema.ts';
import { normalizeMac } from '../machines/identity.ts';
import type { MachineFacts } from '../machines/machine-rule.ts';
import type { PowerMachine } from './driver.ts';

const maxMacs = 16;

/** The MAC addresses of one that was never here, such as from an imported list, are those that it was written down with. */
export async function readPowerMachine(db: Database, { id, name, inventory }: MachineRow): Promise<PowerMachine> {
  const known: Inventory | null = inventory === null ? null : JSON.parse(inventory);
  const nics = known?.nics ?? [];
  const macs = new Set((await readMacs(db, id)).flatMap((mac) => normalizeMac(mac) ?? []));
  return {
    ...{ id, name, uuid: known?.smbios.uuid ?? null, firmware: known?.firmware ?? null },
    macs: [...macs].slice(0, maxMacs),
    addresses: nics.flatMap(({ addresses }) => addresses),
    networks: nics.flatMap(({ networks = [] }) => networks),
  };
}

async function readMacs(db: Database, machineId: string): Promise<readonly string[]> {
  const row = await db.selectFrom('machineFacts').select('facts').where('machineId', '=', machineId).executeTakeFirst();
  return row === undefined ? [] : (JSON.parse(row.facts) as MachineFacts).macs;
}
