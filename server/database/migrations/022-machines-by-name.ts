// A page of the machines that are there, or are not, is chosen by this index alone, without a look at the rows: these hold inventories.
import type { Migration } from 'kysely/migration';
import type { AnyDatabase } from './dialect.ts';

export const machinesByName: Migration = {
  async up(db: AnyDatabase): Promise<void> {
    const columns = ['name', 'onlineUntil', 'id'];
    await db.schema.createIndex('machinesByName').on('machines').columns(columns).execute();
  },
};
