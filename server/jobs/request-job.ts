// A job begins: a scenario's steps, filled in as they are now, waiting for one machine.
import type { Job, JobHold } from '../../protocol/rest.ts';
import type { Window } from '../../protocol/schedule.ts';
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
  readonly machine: Pick<MachineRow, 'id' | 'name'>;
  readonly approval?: ApprovedCheck | null;
  /** It waits until somebody or something releases it. */
  readonly held?: JobHold | null;
  readonly requestedBy?: string | null;
  readonly notBefore?: string | null;
  readonly retries?: number | undefined;
  /** The job that is done again. */
  readonly retryOf?: string;
  readonly batchId?: string;
  readonly once?: RequestKey | null;
  /** Turn its machine on, if it is not there. */
  readonly wake?: boolean | undefined;
  /** Which asks for it, and the hours in which it may begin. */
  readonly schedule?: { readonly id: string; readonly windows: readonly Window[] };
};

/** Whoever asks again with the same key has asked once; `digest` is of what was asked. */
export type RequestKey = { readonly key: string; readonly digest: string };

export async function requestJob(db: Database, request: JobRequest): Promise<Job> {
  return readJob(db, await insertJob(db, request));
}

/** Its id; of a request with a key that another one was quicker with, nothing is written. */
export async function insertJob(db: Database, request: JobRequest): Promise<string> {
  const { scenario, machine, approval = null, retries = 0 } = request;
  const { wake = false, schedule } = request;
  const { requestedBy = null, notBefore = null, retryOf = null, batchId = null, once = null } = request;
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
      ...toColumns({ ...newJobLife, held, notBefore, retries }),
      leaseHeardAt: null,
      parameters: JSON.stringify(scenario.values),
      approval: approval === null ? null : JSON.stringify(approval),
      agreement: agreement === null ? null : JSON.stringify(agreement),
      createdAt: new Date().toISOString(),
      progress: null,
      ...{ requestedBy, batchId, requestKey: once?.key ?? null, requestDigest: once?.digest ?? null, retryOf },
      wakeAt: wake ? new Date().toISOString() : null,
      ...(schedule === undefined ? {} : { scheduleId: schedule.id, windows: JSON.stringify(schedule.windows) }),
      revision: 0,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return id;
}
