// Machines for a file: what an import of it would say of them.
import type { FileMachine } from '../../protocol/machine-file.ts';
import type { Database } from '../database/schema.ts';
import { normalizeSerial, normalizeUuid } from './identity.ts';
import type { MachineFacts } from './machine-rule.ts';

/** In order of name. Of groups only those that it was put into: the others follow from their rules. */
export async function exportMachines(db: Database): Promise<FileMachine[]> {
  const rows = await db
    .selectFrom('machines')
    .innerJoin('machineFacts', 'machineFacts.machineId', 'machines.id')
    .select(['machines.id', 'machines.name', 'state', 'facts'])
    .orderBy('machines.name')
    .execute();
  const members = await db
    .selectFrom('groupMembers')
    .innerJoin('machineGroups', 'machineGroups.id', 'groupMembers.groupId')
    .select(['machineId', 'machineGroups.name'])
    .where('kind', '=', 'fixed')
    .orderBy('foldedName')
    .execute();
  const groups = Map.groupBy(members, ({ machineId }) => machineId);
  return rows.map(({ id, name, state, facts }) => {
    const { uuid, serial, macs, tags } = JSON.parse(facts) as MachineFacts;
    return {
      name,
      uuid: normalizeUuid(uuid),
      serial: normalizeSerial(serial) === null ? null : serial,
      macs: [...macs].slice(0, 64),
      groups: (groups.get(id) ?? []).map((group) => group.name),
      tags: [...tags],
      state,
    };
  });
}
