// A job begins: a scenario's steps, filled in as they are now, waiting for one machine.
import type { Job, JobHold } from '../../protocol/rest.ts';
import type { Database, MachineRow } from '../database/schema.ts';
import { newId } from '../new-id.ts';
import { beginAgreement } from '../second-person/decide.ts';
import { needsSecondPerson } from '../second-person/rule.ts';
import type { ApprovedCheck } from './approve-disks.ts';
import { toColumns } from './change-job.ts';
import { newJobLife } from './lifecycle.ts';
import type { PreparedScenario } from './prepare-scenario.ts';
import { readJob } from './read-jobs.ts';

export type JobRequest = {
  readonly scenario: PreparedScenario;
  readonly machine: MachineRow;
  readonly approval?: ApprovedCheck | null;
  /** It waits until somebody or something releases it. */
  readonly held?: JobHold | null;
  readonly requestedBy?: string | null;
  readonly notBefore?: string | null;
};

export async function requestJob(db: Database, request: JobRequest): Promise<Job> {
  const { scenario, machine, approval = null, requestedBy = null, notBefore = null } = request;
  const agreement = (await needsSecondPerson(db, scenario.steps)) ? await beginAgreement(db, requestedBy) : null;
  const held = agreement === null ? (request.held ?? null) : 'second-person';
  const id = newId();
  await db
    .insertInto('jobs')
    .values({
      id,
      scenarioId: scenario.id,
      scenarioName: scenario.name,
      machineId: machine.id,
      machineName: machine.name,
      steps: JSON.stringify(scenario.steps),
      endAction: scenario.end,
      ...toColumns({ ...newJobLife, held }),
      leaseHeardAt: null,
      parameters: JSON.stringify(scenario.values),
      approval: approval === null ? null : JSON.stringify(approval),
      agreement: agreement === null ? null : JSON.stringify(agreement),
      createdAt: new Date().toISOString(),
      progress: null,
      ...{ requestedBy, notBefore, batchId: null, requestKey: null, requestDigest: null, retryOf: null, retries: 0 },
      revision: 0,
    })
    .execute();
  return readJob(db, id);
}
