// Before a job is asked for: the images that it reads are there, and the names that it gives are free. The agent finds out the same, hours later.
import { DeployError, toDeployError } from '../../protocol/errors.ts';
import { listSelectorImages, selectorOf } from '../../protocol/expand-steps.ts';
import type { Step } from '../../protocol/scenario.ts';
import type { Context } from '../context.ts';

type Store = Pick<Context['store'], 'getManifest'>;
type Images = Pick<Context, 'db'> & { readonly store: Store };

/** What is wrong with the images of each step; `made` are names that steps before them give, and gets theirs. An image counts as there when an earlier step, or a job that has not ended, captures it. */
export async function findImageFaults(
  { db, store }: Images,
  steps: readonly Step[],
  made: Set<string> = new Set(),
): Promise<(DeployError | null)[]> {
  const awaited = await listAwaited(db);
  const isThere = async (name: string) => made.has(name) || awaited.has(name) || (await hasImage(store, name));
  const faults: (DeployError | null)[] = [];
  for (const step of steps) {
    const missing = await findAsync(listRead(step), async (name) => !(await isThere(name)));
    const taken = step.kind === 'capture' && missing === undefined && (await isThere(step.image));
    faults.push(
      missing !== undefined
        ? notFound(missing)
        : taken
          ? nameTaken(step.image, awaited.has(step.image) || made.has(step.image))
          : null,
    );
    if (step.kind === 'capture') made.add(step.image);
  }
  return faults;
}

/** @throws DeployError image-not-found, image-exists */
export async function checkImages(context: Images, steps: readonly Step[]): Promise<void> {
  const fault = (await findImageFaults(context, steps)).find((found) => found !== null);
  if (fault !== undefined) throw fault;
}

function listRead(step: Step): string[] {
  const disk = listSelectorImages(selectorOf(step));
  if (step.kind === 'capture') return [...disk, ...(step.parent === undefined ? [] : [step.parent])];
  if (step.kind === 'restore') return [...disk, step.image, ...(step.was === undefined ? [] : [step.was])];
  return disk;
}

/** Names of images that jobs which have not ended will make. */
async function listAwaited(db: Context['db']): Promise<ReadonlySet<string>> {
  const rows = await db.selectFrom('jobs').select('steps').where('state', 'in', ['queued', 'running']).execute();
  const steps = rows.flatMap((row) => JSON.parse(row.steps) as Step[]);
  return new Set(steps.flatMap((step) => (step.kind === 'capture' ? [step.image] : [])));
}

async function hasImage(store: Store, name: string): Promise<boolean> {
  try {
    await store.getManifest(name);
    return true;
  } catch (thrown) {
    if (toDeployError(thrown).code === 'image-not-found') return false;
    throw thrown;
  }
}

async function findAsync<T>(all: readonly T[], holds: (one: T) => Promise<boolean>): Promise<T | undefined> {
  for (const one of all) if (await holds(one)) return one;
  return undefined;
}

function notFound(name: string): DeployError {
  return new DeployError('image-not-found', `there is no image '${name}', and no job that has not ended captures it`, {
    hint: 'See `deploy-os image list`; capture it first.',
  });
}

function nameTaken(name: string, isComing: boolean): DeployError {
  const by = isComing ? 'another job captures' : 'there is already';
  return new DeployError('image-exists', `${by} an image '${name}'`, {
    hint: 'Give the capture a name of its own: {machine} and {date} in it are filled in by each job.',
  });
}
