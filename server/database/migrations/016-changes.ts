// Which machines and jobs have changed: the database notes it by itself, whichever server made the change, and the live events read it.
import type { Migration } from 'kysely/migration';
import { type AnyDatabase, onChange, risingNumber, textOf } from './dialect.ts';

/** Renewed every few seconds while the agent is connected: a change only when the machine was offline before. */
const cameOrWent = '(old."onlineUntil" is null) <> (new."onlineUntil" is null) or old."onlineUntil" < new."lastSeenAt"';
const machineColumns = ['name', 'state', 'inventory', 'bootProfileId', 'address'];
const differs = (column: string): string => `old."${column}" is distinct from new."${column}"`;

export const changes: Migration = {
  async up(db: AnyDatabase): Promise<void> {
    const number = risingNumber(db);
    await db.schema
      .createTable('changes')
      .addColumn('number', number.type, number.build)
      .addColumn('kind', textOf(db), (column) => column.notNull())
      .addColumn('id', textOf(db), (column) => column.notNull())
      .execute();
    await onChange(db, {
      table: 'machines',
      kind: 'machine',
      updates: [
        { columns: machineColumns, when: machineColumns.map(differs).join(' or ') },
        // By itself: at each renewal both inventories would be read only to see that they are the same.
        { columns: ['onlineUntil'], when: cameOrWent },
      ],
    });
    for (const table of ['machineTags', 'groupMembers'])
      await onChange(db, { table, kind: 'machine', id: 'machineId' });
    await onChange(db, { table: 'jobs', kind: 'job', updates: [{ columns: ['revision'], when: differs('revision') }] });
    // A server that died leaves machines whose time runs out: they are looked for every second.
    await db.schema.createIndex('machinesByOnlineUntil').on('machines').column('onlineUntil').execute();
  },
};
