// Codes by which a login in a browser becomes one of a command line.
import type { Migration } from 'kysely/migration';
import { type AnyDatabase, textOf } from './dialect.ts';

export const loginCodes: Migration = {
  async up(db: AnyDatabase): Promise<void> {
    const text = textOf(db);
    await db.schema
      .createTable('loginCodes')
      .addColumn('codeHash', text, (column) => column.primaryKey())
      .addColumn('challenge', text, (column) => column.notNull())
      .addColumn('userId', text, (column) => column.notNull().references('users.id').onDelete('cascade'))
      .addColumn('expiresAt', text, (column) => column.notNull())
      .execute();
  },
};
