// Machines as the API shows them, and the one that a person means.
import { DeployError } from '../../protocol/errors.ts';
import type { Machine } from '../../protocol/rest.ts';
import type { Database, MachineRow } from '../database/schema.ts';

/** By id or by name. @throws DeployError machine-not-found */
export async function findMachine(db: Database, idOrName: string): Promise<MachineRow> {
  const rows = await db
    .selectFrom('machines')
    .selectAll()
    .where((where) => where.or([where('id', '=', idOrName), where('name', '=', idOrName.normalize('NFC'))]))
    .execute();
  const found = rows.find((row) => row.id === idOrName) ?? rows[0];
  if (found === undefined) throw new DeployError('machine-not-found', `no machine '${idOrName}'`);
  return found;
}

export function toMachine(row: MachineRow, tags: Machine['tags'], groups: Machine['groups']): Machine {
  return {
    id: row.id,
    name: row.name,
    state: row.state,
    online: isOnline(row),
    lastSeenAt: row.lastSeenAt,
    bootProfileId: row.bootProfileId,
    address: row.address,
    tags,
    groups,
    inventory: row.inventory === null ? null : JSON.parse(row.inventory),
  };
}

export function isOnline({ onlineUntil }: Pick<MachineRow, 'onlineUntil'>): boolean {
  return onlineUntil !== null && onlineUntil > new Date().toISOString();
}
