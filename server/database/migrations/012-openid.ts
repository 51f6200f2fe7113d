// Users who log in through a provider of OpenID Connect, and logins that end at a set time.
import { sql } from 'kysely';
import { type AnyDatabase, textOf } from './dialect.ts';

export async function addOpenId(db: AnyDatabase): Promise<void> {
  const text = textOf(db);
  await db.schema.alterTable('users').addColumn('openidIssuer', text).execute();
  await db.schema.alterTable('users').addColumn('openidSubject', text).execute();
  await db.schema
    .createIndex('oneUserPerSubject')
    .unique()
    .on('users')
    .columns(['openidIssuer', 'openidSubject'])
    .where(sql<boolean>`${sql.ref('openidSubject')} is not null`)
    .execute();
  await db.schema.alterTable('personTokens').addColumn('endsAt', text).execute();
}
