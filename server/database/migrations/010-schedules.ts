// Schedules, what became of each of their times, and jobs that begin within hours only or wake their machine.
import { type AnyDatabase, textOf } from './dialect.ts';

export async function createSchedules(db: AnyDatabase): Promise<void> {
  const text = textOf(db);
  await db.schema
    .createTable('schedules')
    .addColumn('id', text, (column) => column.primaryKey())
    .addColumn('name', text, (column) => column.notNull())
    .addColumn('foldedName', text, (column) => column.notNull().unique())
    .addColumn('enabled', 'integer', (column) => column.notNull())
    .addColumn('scenarioId', text, (column) => column.notNull())
    .addColumn('machineIds', text)
    .addColumn('groupId', text)
    .addColumn('parameters', text, (column) => column.notNull())
    .addColumn('when', text, (column) => column.notNull())
    .addColumn('windows', text, (column) => column.notNull())
    .addColumn('lateMinutes', 'integer', (column) => column.notNull())
    .addColumn('overlap', text, (column) => column.notNull())
    .addColumn('keep', text)
    .addColumn('wake', 'integer', (column) => column.notNull())
    .addColumn('savedBy', text, (column) => column.notNull())
    .addColumn('createdAt', text, (column) => column.notNull())
    .addColumn('nextDueAt', text)
    .addColumn('prunedAt', text)
    .execute();
  // The key is what keeps two servers from running one time twice.
  await db.schema
    .createTable('scheduleRuns')
    .addColumn('scheduleId', text, (column) => column.notNull().references('schedules.id').onDelete('cascade'))
    .addColumn('dueAt', text, (column) => column.notNull())
    .addColumn('at', text, (column) => column.notNull())
    .addColumn('outcome', text, (column) => column.notNull())
    .addColumn('message', text, (column) => column.notNull())
    .addColumn('jobIds', text, (column) => column.notNull())
    .addPrimaryKeyConstraint('oneRunPerTime', ['scheduleId', 'dueAt'])
    .execute();
  for (const name of ['scheduleId', 'windows', 'wakeAt']) {
    await db.schema.alterTable('jobs').addColumn(name, text).execute();
  }
  await db.schema
    .alterTable('jobs')
    .addColumn('wakeTries', 'integer', (column) => column.notNull().defaultTo(0))
    .execute();
  await db.schema.createIndex('jobsBySchedule').on('jobs').columns(['scheduleId', 'state']).execute();
}
