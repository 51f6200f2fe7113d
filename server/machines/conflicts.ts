// Where two machines claim to be one: shown, for a person to settle.
import type { MachineConflict } from '../../protocol/rest.ts';
import type { Database, MachineRow } from '../database/schema.ts';
import { normalizeUuid } from './identity.ts';

const maxShown = 100;

export async function listConflicts(db: Database, machine: MachineRow): Promise<MachineConflict[]> {
  const macs = await db
    .selectFrom('machineMacs as own')
    .innerJoin('machineMacs as other', 'other.mac', 'own.mac')
    .innerJoin('machines', 'machines.id', 'other.machineId')
    .select(['own.mac as value', 'machines.id', 'machines.name'])
    .where('own.machineId', '=', machine.id)
    .where('other.machineId', '!=', machine.id)
    .orderBy('own.mac')
    .orderBy('machines.name')
    .limit(maxShown)
    .execute();
  const uuids = await listSharedUuids(db, machine);
  return [
    ...uuids.map(({ id, name, value }) => ({ kind: 'uuid' as const, value, with: { id, name } })),
    ...macs.map(({ id, name, value }) => ({ kind: 'mac' as const, value, with: { id, name } })),
  ];
}

async function listSharedUuids(db: Database, machine: MachineRow) {
  const said = machine.inventory === null ? null : normalizeUuid(JSON.parse(machine.inventory).smbios.uuid);
  if (said === null) return [];
  const rows = await db
    .selectFrom('machineFacts')
    .innerJoin('machines', 'machines.id', 'machineFacts.machineId')
    .select(['machines.id', 'machines.name', 'facts'])
    .where('search', 'like', `%${said}%`)
    .where('machines.id', '!=', machine.id)
    .orderBy('machines.name')
    .limit(maxShown)
    .execute();
  return rows
    .filter(({ facts }) => normalizeUuid(JSON.parse(facts).uuid) === said)
    .map((row) => ({ ...row, value: said }));
}
