// What was found when images were read and proved, and what waits for that.
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import { type AnyDatabase, onChange, textOf } from './dialect.ts';

const noted = ['state', 'progress', 'cancelRequested'];

export const imageChecks: Migration = {
  async up(db: AnyDatabase): Promise<void> {
    const text = textOf(db);
    await db.schema
      .createTable('imageChecks')
      .addColumn('id', text, (column) => column.primaryKey())
      .addColumn('imageId', text, (column) => column.notNull())
      .addColumn('image', text, (column) => column.notNull())
      .addColumn('kind', text, (column) => column.notNull())
      .addColumn('boot', 'integer', (column) => column.notNull())
      .addColumn('state', text, (column) => column.notNull())
      .addColumn('cancelRequested', 'integer', (column) => column.notNull())
      .addColumn('requestedBy', text, (column) => column.notNull())
      .addColumn('createdAt', text, (column) => column.notNull())
      .addColumn('startedAt', text)
      .addColumn('endedAt', text)
      .addColumn('serverId', text)
      .addColumn('heardAt', text)
      .addColumn('progress', text)
      .addColumn('found', text)
      .addColumn('error', text)
      .execute();
    await db.schema.createIndex('imageChecksByImage').on('imageChecks').columns(['imageId', 'id']).execute();
    // The database itself sees to it that the store is read for one of them at a time, whichever server does it.
    await db.schema
      .createIndex('oneRunningImageCheck')
      .unique()
      .on('imageChecks')
      .column('state')
      .where(sql<boolean>`state = 'running'`)
      .execute();
    await db.schema
      .createIndex('oneOpenImageCheckOfEach')
      .unique()
      .on('imageChecks')
      .columns(['imageId', 'kind', 'boot'])
      .where(sql<boolean>`state in ('queued', 'running')`)
      .execute();
    const differs = noted.map((column) => `old."${column}" is distinct from new."${column}"`).join(' or ');
    await onChange(db, { table: 'imageChecks', kind: 'imageCheck', updates: [{ columns: noted, when: differs }] });
  },
};
