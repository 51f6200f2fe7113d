// What a scenario would do on one machine, by what the server knows of it: nothing is asked of the machine, and nothing is written.
import type { DiskCheck } from '../../protocol/disk-check.ts';
import { type ErrorBody, toDeployError, toErrorBody } from '../../protocol/errors.ts';
import type { Inventory } from '../../protocol/inventory.ts';
import type { ParameterValues } from '../../protocol/parameters.ts';
import type { MachinePlan, PlannedStep, PlanWarning } from '../../protocol/plan.ts';
import type { Scenario } from '../../protocol/rest.ts';
import type { Step } from '../../protocol/scenario.ts';
import type { Context } from '../context.ts';
import type { JobRow, MachineRow } from '../database/schema.ts';
import { readLatestCheck } from '../disk-checks/read-checks.ts';
import { findImageFaults } from '../jobs/check-images.ts';
import { prepareScenario } from '../jobs/prepare-scenario.ts';
import { isOnline } from '../machines/read-machines.ts';
import { checkScriptsAllowed } from '../scenarios/check-scripts.ts';
import { planStep } from './plan-step.ts';
import { PlannedImages } from './planned-images.ts';

/** After so long a check is worth another look: disks are swapped, and what is on them changes. */
const oldCheckMs = 24 * 60 * 60 * 1000;

type Asked = {
  readonly scenario: Scenario;
  readonly parameters: ParameterValues | undefined;
  readonly images: PlannedImages;
  /** Names of images that the plan has machines before this one capture. */
  readonly made: Set<string>;
  readonly useDamaged: boolean;
};

export async function planMachine(context: Context, row: MachineRow, asked: Asked): Promise<MachinePlan> {
  const refusals: ErrorBody[] = [];
  const attempt = async <T>(work: () => T | Promise<T>): Promise<T | null> => {
    try {
      return await work();
    } catch (thrown) {
      refusals.push(toErrorBody(toDeployError(thrown)));
      return null;
    }
  };
  const prepared = await attempt(() => prepareScenario(asked.scenario, row.name, asked.parameters));
  if (prepared !== null) await attempt(() => checkScriptsAllowed(context.config, prepared.steps));
  return await planPrepared(context, row, { ...asked, steps: prepared?.steps ?? [], refusals });
}

/** What a job that waits does when it is handed out. It was asked for: an image that was found damaged since is a warning. */
export async function planJob(
  context: Context,
  row: MachineRow,
  job: Pick<JobRow, 'id' | 'steps'>,
): Promise<MachinePlan> {
  const images = new PlannedImages(context.store);
  const steps: Step[] = JSON.parse(job.steps);
  return await planPrepared(context, row, {
    ...{ steps, images, made: new Set(), useDamaged: true, refusals: [], jobId: job.id },
  });
}

type Prepared = Pick<Asked, 'images' | 'made' | 'useDamaged'> & {
  /** Filled in, and for one disk each. */
  readonly steps: readonly Step[];
  readonly refusals: readonly ErrorBody[];
  /** Of the job whose steps these are. */
  readonly jobId?: string;
};

async function planPrepared(context: Context, row: MachineRow, prepared: Prepared): Promise<MachinePlan> {
  const { jobId } = prepared;
  const check = await readNewest(context, row);
  const steps = await planSteps(context, row, { ...prepared, check });
  const refusals = [...prepared.refusals];
  return {
    machineId: row.id,
    machineName: row.name,
    check: check === null ? null : { id: check.id, at: check.at, kind: check.kind },
    overwrites: steps.some(({ overwrites }) => overwrites !== 'nothing'),
    refused: refusals.length > 0 || steps.some((step) => step.refusals.length > 0),
    refusals,
    warnings: [...(await warnOfMachine(context, row, jobId)), ...warnOfCheck(check)],
    steps,
  };
}

/** Null when nothing is known of the machine's disks. */
async function readNewest({ db }: Context, row: MachineRow): Promise<DiskCheck | null> {
  try {
    return await readLatestCheck(db, row);
  } catch (thrown) {
    if (toDeployError(thrown).code === 'check-not-found') return null;
    throw thrown;
  }
}

type Known = Omit<Prepared, 'refusals'> & { readonly check: DiskCheck | null };

async function planSteps(
  context: Context,
  row: MachineRow,
  { steps, check, images, made, useDamaged, jobId }: Known,
): Promise<PlannedStep[]> {
  const faults = await findImageFaults(context, steps, { made, jobId });
  const firmware = row.inventory === null ? null : (JSON.parse(row.inventory) as Inventory).firmware;
  const planned: PlannedStep[] = [];
  for (const [i, step] of steps.entries()) {
    const found = faults[i] ?? null;
    const damage = useDamaged && found?.code === 'image-damaged' ? found : null;
    const fault = damage === null ? found : null;
    const one = await planStep(step, { disks: check?.disks ?? null, firmware, images, fault });
    const warned = damage === null ? [] : [{ code: 'image-damaged', message: damage.message } as const];
    planned.push({ ...one, warnings: [...warned, ...one.warnings] });
  }
  return planned;
}

async function warnOfMachine({ db }: Context, row: MachineRow, jobId: string | undefined): Promise<PlanWarning[]> {
  const { waiting } = await db
    .selectFrom('jobs')
    .where('machineId', '=', row.id)
    .where('state', 'in', ['queued', 'running'])
    .where('id', '!=', jobId ?? '')
    .select(({ fn }) => fn.countAll<number | string>().as('waiting'))
    .executeTakeFirstOrThrow();
  const warnings: (PlanWarning | null)[] = [
    row.state === 'approved'
      ? null
      : { code: 'machine-not-approved', message: `${row.name} is not approved: a job waits until it is` },
    isOnline(row) ? null : { code: 'machine-away', message: `${row.name} is not there: a job waits for its next boot` },
    Number(waiting) === 0
      ? null
      : { code: 'jobs-waiting', message: `${waiting} job(s) of ${row.name} have not ended, and come first` },
  ];
  return warnings.filter((warning) => warning !== null);
}

function warnOfCheck(check: DiskCheck | null): PlanWarning[] {
  if (check === null) {
    return [{ code: 'no-disk-check', message: 'nothing is known of its disks: it has never registered' }];
  }
  if (check.kind === 'registration') {
    return [
      {
        code: 'disks-not-read',
        message: 'its disks are known from its registration only: run a check to see what is on them',
      },
    ];
  }
  if (Date.now() - Date.parse(check.at) < oldCheckMs) return [];
  return [
    { code: 'disk-check-old', message: `its disks were last checked ${check.at}: run a check to see them as they are` },
  ];
}
