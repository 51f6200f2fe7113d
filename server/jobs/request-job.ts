// A job begins: a scenario's steps, filled in as they are now, waiting for one machine.
import type { Job } from '../../protocol/rest.ts';
import type { Database, MachineRow } from '../database/schema.ts';
import { newId } from '../new-id.ts';
import type { ApprovedCheck } from './approve-disks.ts';
import { toColumns } from './change-job.ts';
import { newJobLife } from './lifecycle.ts';
import type { PreparedScenario } from './prepare-scenario.ts';
import { readJob } from './read-jobs.ts';

export async function requestJob(
  db: Database,
  scenario: PreparedScenario,
  machine: MachineRow,
  approval: ApprovedCheck | null,
): Promise<Job> {
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
      ...toColumns(newJobLife),
      leaseHeardAt: null,
      parameters: JSON.stringify(scenario.values),
      approval: approval === null ? null : JSON.stringify(approval),
      createdAt: new Date().toISOString(),
      progress: null,
      revision: 0,
    })
    .execute();
  return readJob(db, id);
}
