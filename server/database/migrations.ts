// The schema's history, in order and never edited: what an older data directory needs to become this version's. From 007 on each has a file in migrations/.
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import { createGroups } from './migrations/007-groups.ts';
import { addParameters } from './migrations/008-scenarios.ts';
import { addJobHolds } from './migrations/009-jobs.ts';
import { createSchedules } from './migrations/010-schedules.ts';
import { createPower } from './migrations/011-power.ts';
import { addOpenId } from './migrations/012-openid.ts';
import { addAgreements } from './migrations/013-second-person.ts';
import { createServers } from './migrations/014-servers.ts';
import { approvalRules } from './migrations/015-approval-rules.ts';
import { changes } from './migrations/016-changes.ts';
import { roleGrants } from './migrations/017-role-grants.ts';
import { imageChecks } from './migrations/018-image-checks.ts';
import { throughput } from './migrations/019-throughput.ts';
import { loginCodes } from './migrations/020-login-codes.ts';
import { runNotes } from './migrations/021-run-notes.ts';
import { machinesByName } from './migrations/022-machines-by-name.ts';
import { type AnyDatabase, onlyAppend, textOf } from './migrations/dialect.ts';

async function createMachines(db: AnyDatabase): Promise<void> {
  const text = textOf(db);
  await db.schema
    .createTable('machines')
    .addColumn('id', text, (column) => column.primaryKey())
    .addColumn('name', text, (column) => column.notNull().unique())
    .addColumn('state', text, (column) => column.notNull())
    .addColumn('inventory', text)
    .addColumn('createdAt', text, (column) => column.notNull())
    .addColumn('lastSeenAt', text)
    .addColumn('onlineUntil', text)
    .execute();
  await db.schema
    .createTable('machineIdentities')
    .addColumn('identity', text, (column) => column.primaryKey())
    .addColumn('machineId', text, (column) => column.notNull().references('machines.id').onDelete('cascade'))
    .execute();
  await db.schema
    .createTable('bootTokens')
    .addColumn('tokenHash', text, (column) => column.primaryKey())
    .addColumn('machineId', text, (column) => column.notNull().references('machines.id').onDelete('cascade'))
    .addColumn('createdAt', text, (column) => column.notNull())
    .addColumn('bootId', text)
    .execute();
}

async function createScenarios(db: AnyDatabase): Promise<void> {
  const text = textOf(db);
  await db.schema
    .createTable('scenarios')
    .addColumn('id', text, (column) => column.primaryKey())
    .addColumn('name', text, (column) => column.notNull().unique())
    .addColumn('steps', text, (column) => column.notNull())
    .addColumn('endAction', text, (column) => column.notNull())
    .addColumn('createdAt', text, (column) => column.notNull())
    .execute();
}

async function createJobs(db: AnyDatabase): Promise<void> {
  const text = textOf(db);
  // Jobs outlive the scenario and the machine they name: they are the record of what was done.
  await db.schema
    .createTable('jobs')
    .addColumn('id', text, (column) => column.primaryKey())
    .addColumn('scenarioId', text, (column) => column.notNull())
    .addColumn('scenarioName', text, (column) => column.notNull())
    .addColumn('machineId', text, (column) => column.notNull())
    .addColumn('machineName', text, (column) => column.notNull())
    .addColumn('steps', text, (column) => column.notNull())
    .addColumn('endAction', text, (column) => column.notNull())
    .addColumn('state', text, (column) => column.notNull())
    .addColumn('cancelRequested', 'integer', (column) => column.notNull())
    .addColumn('leaseId', text)
    .addColumn('leaseBootId', text)
    .addColumn('leaseHeardAt', text)
    .addColumn('handOuts', 'integer', (column) => column.notNull())
    .addColumn('createdAt', text, (column) => column.notNull())
    .addColumn('startedAt', text)
    .addColumn('endedAt', text)
    .addColumn('progress', text)
    .addColumn('results', text, (column) => column.notNull())
    .addColumn('error', text)
    .addColumn('revision', 'integer', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('jobsByMachine').on('jobs').columns(['machineId', 'state']).execute();
  await db.schema.createIndex('jobsByState').on('jobs').columns(['state']).execute();
  await db.schema
    .createTable('jobLog')
    .addColumn('jobId', text, (column) => column.notNull())
    .addColumn('number', 'integer', (column) => column.notNull())
    .addColumn('at', text, (column) => column.notNull())
    .addColumn('level', text, (column) => column.notNull())
    .addColumn('message', text, (column) => column.notNull())
    .addPrimaryKeyConstraint('jobLogKey', ['jobId', 'number'])
    .execute();
}

/** The database itself sees to it that a machine never runs two jobs at once, whichever server hands them out. */
async function createOneRunningJobPerMachine(db: AnyDatabase): Promise<void> {
  await db.schema
    .createIndex('oneRunningJobPerMachine')
    .unique()
    .on('jobs')
    .column('machineId')
    .where(sql<boolean>`state = 'running'`)
    .execute();
}

async function createSettings(db: AnyDatabase): Promise<void> {
  const text = textOf(db);
  await db.schema
    .createTable('settings')
    .addColumn('name', text, (column) => column.primaryKey())
    .addColumn('value', text, (column) => column.notNull())
    .execute();
}

async function createDiskChecks(db: AnyDatabase): Promise<void> {
  const text = textOf(db);
  await db.schema
    .createTable('diskChecks')
    .addColumn('id', text, (column) => column.primaryKey())
    .addColumn('machineId', text, (column) => column.notNull().references('machines.id').onDelete('cascade'))
    .addColumn('at', text, (column) => column.notNull())
    .addColumn('kind', text, (column) => column.notNull())
    .addColumn('jobId', text)
    .addColumn('step', 'integer')
    .addColumn('diskCount', 'integer', (column) => column.notNull())
    .addColumn('disks', text, (column) => column.notNull())
    .addColumn('before', text)
    .addColumn('differences', text, (column) => column.notNull())
    .execute();
  await db.schema.createIndex('diskChecksByMachine').on('diskChecks').columns(['machineId', 'id']).execute();
  await db.schema.createIndex('oneDiskCheckPerStep').unique().on('diskChecks').columns(['jobId', 'step']).execute();
}

/** What a job may do is what was approved when it was asked for: the disks go with it. */
async function addApprovals(db: AnyDatabase): Promise<void> {
  const text = textOf(db);
  await db.schema.alterTable('jobs').addColumn('approval', text).execute();
}

async function createBootProfiles(db: AnyDatabase): Promise<void> {
  const text = textOf(db);
  await db.schema
    .createTable('bootProfiles')
    .addColumn('id', text, (column) => column.primaryKey())
    .addColumn('name', text, (column) => column.notNull().unique())
    .addColumn('arguments', text, (column) => column.notNull())
    .addColumn('build', text)
    .addColumn('overlay', text)
    .addColumn('rules', text, (column) => column.notNull())
    .addColumn('order', 'integer', (column) => column.notNull())
    .addColumn('createdAt', text, (column) => column.notNull())
    .execute();
  await db.schema
    .alterTable('machines')
    .addColumn('bootProfileId', text, (column) => column.references('bootProfiles.id').onDelete('set null'))
    .execute();
}

async function createEnrolments(db: AnyDatabase): Promise<void> {
  const text = textOf(db);
  await db.schema
    .createTable('enrolments')
    .addColumn('id', text, (column) => column.primaryKey())
    .addColumn('label', text, (column) => column.notNull())
    .addColumn('secretHash', text, (column) => column.notNull())
    .addColumn('createdAt', text, (column) => column.notNull())
    .addColumn('expiresAt', text, (column) => column.notNull())
    .addColumn('uses', 'integer', (column) => column.notNull())
    .addColumn('lastUsedAt', text)
    .execute();
}

async function createPeople(db: AnyDatabase): Promise<void> {
  const text = textOf(db);
  await db.schema
    .createTable('users')
    .addColumn('id', text, (column) => column.primaryKey())
    .addColumn('name', text, (column) => column.notNull())
    .addColumn('foldedName', text, (column) => column.notNull().unique())
    .addColumn('passwordHash', text, (column) => column.notNull())
    .addColumn('role', text, (column) => column.notNull())
    .addColumn('disabled', 'integer', (column) => column.notNull())
    .addColumn('createdAt', text, (column) => column.notNull())
    .addColumn('lastLoginAt', text)
    .execute();
  await db.schema
    .createTable('personTokens')
    .addColumn('id', text, (column) => column.primaryKey())
    .addColumn('tokenHash', text, (column) => column.notNull().unique())
    .addColumn('userId', text, (column) => column.notNull().references('users.id').onDelete('cascade'))
    .addColumn('kind', text, (column) => column.notNull())
    .addColumn('label', text, (column) => column.notNull())
    .addColumn('role', text, (column) => column.notNull())
    .addColumn('createdAt', text, (column) => column.notNull())
    .addColumn('lastUsedAt', text)
    .addColumn('expiresAt', text)
    .execute();
  await db.schema
    .createTable('audit')
    .addColumn('id', text, (column) => column.primaryKey())
    .addColumn('at', text, (column) => column.notNull())
    .addColumn('who', text, (column) => column.notNull())
    .addColumn('address', text, (column) => column.notNull())
    .addColumn('action', text, (column) => column.notNull())
    .addColumn('about', text, (column) => column.notNull())
    .addColumn('outcome', text, (column) => column.notNull())
    .execute();
  await onlyAppend(db, 'audit');
}

export const migrations: Record<string, Migration> = {
  '001-first': {
    async up(db: AnyDatabase) {
      await createMachines(db);
      await createScenarios(db);
      await createJobs(db);
      await createOneRunningJobPerMachine(db);
      await createSettings(db);
    },
  },
  '002-disk-checks': { up: createDiskChecks },
  '003-approvals': { up: addApprovals },
  '004-boot-profiles': { up: createBootProfiles },
  '005-enrolments': { up: createEnrolments },
  '006-people': { up: createPeople },
  '007-groups': { up: createGroups },
  '008-scenarios': { up: addParameters },
  '009-jobs': { up: addJobHolds },
  '010-schedules': { up: createSchedules },
  '011-power': { up: createPower },
  '012-openid': { up: addOpenId },
  '013-second-person': { up: addAgreements },
  '014-servers': { up: createServers },
  '015-approval-rules': approvalRules,
  '016-changes': changes,
  '017-role-grants': roleGrants,
  '018-image-checks': imageChecks,
  '019-throughput': throughput,
  '020-login-codes': loginCodes,
  '021-run-notes': runNotes,
  '022-machines-by-name': machinesByName,
};
