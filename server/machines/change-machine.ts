// What a person changes about a machine: approve, rename, its boot profile, its tags, forget.
import type { z } from 'zod';
import { DeployError } from '../../protocol/errors.ts';
import type { JobState, machinePatchSchema } from '../../protocol/rest.ts';
import { findBootProfile } from '../boot-profiles/profiles.ts';
import type { Database, MachineRow } from '../database/schema.ts';
import { transact } from '../database/transact.ts';
import { refreshFacts } from './machine-facts.ts';
import { changeTags } from './tags.ts';

/** @throws DeployError name-ambiguous when another machine has the new name; boot-profile-not-found. */
export async function changeMachine(
  db: Database,
  machineId: string,
  { name, state, bootProfile, addTags = [], removeTags = [] }: z.infer<typeof machinePatchSchema>,
): Promise<void> {
  const profile = typeof bootProfile === 'string' ? (await findBootProfile(db, bootProfile)).id : bootProfile;
  const changes = {
    ...(name === undefined ? {} : { name }),
    ...(state === undefined ? {} : { state }),
    ...(profile === undefined ? {} : { bootProfileId: profile }),
  };
  await transact(db, async (transaction) => {
    if (name !== undefined) await requireFreeName(transaction, machineId, name);
    if (Object.keys(changes).length > 0) {
      await transaction.updateTable('machines').set(changes).where('id', '=', machineId).execute();
    }
    await changeTags(transaction, machineId, { add: addTags, remove: removeTags });
    await refreshFacts(transaction, [machineId]);
  });
}

async function requireFreeName(db: Database, machineId: string, name: string): Promise<void> {
  const other = await db
    .selectFrom('machines')
    .select('id')
    .where((where) => where.or([where('name', '=', name), where('id', '=', name)]))
    .where('id', '!=', machineId)
    .executeTakeFirst();
  if (other !== undefined) throw new DeployError('name-ambiguous', `another machine (${other.id}) is called '${name}'`);
}

/** Its jobs stay as the record of what was done. @throws DeployError job-state while a job of it waits or runs. */
export async function forgetMachine(db: Database, machine: MachineRow): Promise<void> {
  await transact(db, async (transaction) => {
    await requireNoJob(transaction, machine);
    await transaction.deleteFrom('bootTokens').where('machineId', '=', machine.id).execute();
    await transaction.deleteFrom('diskChecks').where('machineId', '=', machine.id).execute();
    await transaction.deleteFrom('machineIdentities').where('machineId', '=', machine.id).execute();
    await transaction.deleteFrom('machines').where('id', '=', machine.id).execute();
  });
}

/** @throws DeployError job-state while a job of it is in one of these states */
export async function requireNoJob(
  db: Database,
  machine: MachineRow,
  states: readonly JobState[] = ['queued', 'running'],
): Promise<void> {
  const job = await db
    .selectFrom('jobs')
    .select(['id', 'state'])
    .where('machineId', '=', machine.id)
    .where('state', 'in', states)
    .executeTakeFirst();
  if (job === undefined) return;
  throw new DeployError('job-state', `job ${job.id} of ${machine.name} is ${job.state}`, {
    hint: `Cancel it first: deploy-os job cancel ${job.id}`,
  });
}
