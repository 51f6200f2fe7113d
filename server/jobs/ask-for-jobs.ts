// Jobs are asked for: one scenario on one machine or on many. All that can be found wrong now is, before the first of them is written down.
import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { DeployError } from '../../protocol/errors.ts';
import type { ParameterValues } from '../../protocol/parameters.ts';
import type { jobRequestSchema, Scenario } from '../../protocol/rest.ts';
import type { Context } from '../context.ts';
import type { Database, MachineRow } from '../database/schema.ts';
import { findMachine } from '../machines/read-machines.ts';
import { checkScriptsAllowed } from '../scenarios/check-scripts.ts';
import { findScenario } from '../scenarios/scenarios.ts';
import { approveDisks } from './approve-disks.ts';
import { checkImages } from './check-images.ts';
import { prepareScenario } from './prepare-scenario.ts';
import { insertJob, type JobRequest, type RequestKey } from './request-job.ts';

export type Asked = {
  readonly scenario: Scenario;
  /** The id of a machine's newest disk check, or `latest`. */
  readonly approve?: string | undefined;
  readonly parameters?: ParameterValues | undefined;
  readonly retries?: number | undefined;
  readonly wake?: boolean | undefined;
  /** Also images that were found damaged. */
  readonly useDamaged?: boolean | undefined;
  readonly requestedBy: string | null;
};

/** @throws DeployError invalid-input, scripts-off, image-not-found, image-exists, image-damaged, check-not-found, target-changed */
export async function prepareJobs(
  context: Context,
  asked: Asked,
  machines: readonly MachineRow[],
): Promise<JobRequest[]> {
  const { scenario, parameters, approve, retries, wake, useDamaged, requestedBy } = asked;
  const prepared = machines.map((machine) => ({
    machine,
    scenario: prepareScenario(scenario, machine.name, parameters),
  }));
  const steps = prepared.flatMap((job) => job.scenario.steps);
  checkScriptsAllowed(context.config, steps);
  await checkImages({ db: context.db, store: rememberManifests(context.store) }, steps, useDamaged);
  const requests: JobRequest[] = [];
  for (const job of prepared) {
    const approval = approve === undefined ? null : await approveDisks(context.db, job.machine, approve);
    requests.push({ ...job, approval, retries, wake, requestedBy });
  }
  return requests;
}

/** With a key that was used before: the job of then, which `isNew` tells. @throws DeployError as prepareJobs; scenario-not-found, machine-not-found */
export async function askForJob(
  context: Context,
  request: z.infer<typeof jobRequestSchema>,
  requestedBy: string | null,
): Promise<{ id: string; isNew: boolean }> {
  const { db } = context;
  const once = keyOf(request);
  const present = await findByKey(db, 'jobs', once);
  if (present !== undefined) return { id: present, isNew: false };
  const scenario = await findScenario(db, request.scenario);
  const machine = await findMachine(db, request.machine);
  const [prepared] = await prepareJobs(context, { ...request, scenario, requestedBy }, [machine]);
  if (prepared === undefined) throw new Error('no job of one machine');
  const id = await insertJob(db, { ...prepared, once });
  // Somebody asked for the same at the same time.
  const kept = (await findByKey(db, 'jobs', once)) ?? id;
  return { id: kept, isNew: kept === id };
}

/** A hundred machines get one image: it is looked for once. */
function rememberManifests(store: Context['store']): Pick<Context['store'], 'getManifest'> {
  const known = new Map<string, Promise<Buffer>>();
  return {
    getManifest(name) {
      const found = known.get(name) ?? store.getManifest(name);
      known.set(name, found);
      return found;
    },
  };
}

/** What was asked, without the key itself. */
export function keyOf({ key, ...body }: { readonly key?: string }): RequestKey | null {
  if (key === undefined) return null;
  return { key, digest: createHash('sha256').update(JSON.stringify(body)).digest('hex') };
}

/** The job that was asked for with this key before. @throws DeployError invalid-input when something else was */
export async function findByKey(
  db: Database,
  table: 'jobs' | 'batches',
  once: RequestKey | null,
): Promise<string | undefined> {
  if (once === null) return undefined;
  const column = table === 'jobs' ? 'requestKey' : 'key';
  const row = await db
    .selectFrom(table)
    .select(['id', 'requestDigest'])
    .where(column as 'requestDigest', '=', once.key)
    .executeTakeFirst();
  if (row !== undefined && row.requestDigest !== once.digest) {
    throw new DeployError('invalid-input', `the key '${once.key}' was used before, to ask for something else`);
  }
  return row?.id;
}
