// Who asked for a job that two people must agree to, and who agreed.
import { type AnyDatabase, textOf } from './dialect.ts';

export async function addAgreements(db: AnyDatabase): Promise<void> {
  await db.schema.alterTable('jobs').addColumn('agreement', textOf(db)).execute();
}
