// Before a job is asked for: the images that it reads are there, and the names that it gives are free. The agent finds out the same, hours later.
import { parseStoredManifest } from '../../imaging/crypt/sealed-manifest.ts';
import { DeployError, toDeployError } from '../../protocol/errors.ts';
import { listSelectorImages, selectorOf } from '../../protocol/expand-steps.ts';
import type { Step } from '../../protocol/scenario.ts';
import type { Context } from '../context.ts';
import { readDamage } from '../image-checks/image-health.ts';

type Store = Pick<Context['store'], 'getManifest'>;
type Images = Pick<Context, 'db'> & { readonly store: Store };

/**
 * What is wrong with the images of each step; `made` are names that steps before them give, and gets theirs. An image counts as there when an
 * earlier step, or a job that has not ended, captures it; `jobId` is whose steps these are, if they are a job's already. `image-damaged` is for whoever asks to overrule.
 */
export async function findImageFaults(
  { db, store }: Images,
  steps: readonly Step[],
  { made = new Set(), jobId }: { readonly made?: Set<string>; readonly jobId?: string | undefined } = {},
): Promise<(DeployError | null)[]> {
  const awaited = await listAwaited(db, jobId);
  const isThere = async (name: string) => made.has(name) || awaited.has(name) || (await hasImage(store, name));
  const damages = new Map<string, Promise<DeployError | null>>();
  const damageOf = (name: string) => {
    const known = damages.get(name) ?? findDamage({ db, store }, name);
    damages.set(name, known);
    return known;
  };
  const faults: (DeployError | null)[] = [];
  for (const step of steps) {
    const missing = await findAsync(listRead(step), async (name) => !(await isThere(name)));
    const taken = step.kind === 'capture' && missing === undefined && (await isThere(step.image));
    if (missing !== undefined) faults.push(notFound(missing));
    else if (taken) faults.push(nameTaken(step.image, awaited.has(step.image) || made.has(step.image)));
    else if (step.kind === 'restore' && !made.has(step.image)) faults.push(await damageOf(step.image));
    else faults.push(null);
    if (step.kind === 'capture') made.add(step.image);
  }
  return faults;
}

/** @throws DeployError image-not-found, image-exists, image-damaged (unless `useDamaged`) */
export async function checkImages(context: Images, steps: readonly Step[], useDamaged = false): Promise<void> {
  const faults = await findImageFaults(context, steps);
  const fault = faults.find((found) => found !== null && !(useDamaged && found.code === 'image-damaged')) ?? null;
  if (fault !== null) throw fault;
}

function listRead(step: Step): string[] {
  const disk = listSelectorImages(selectorOf(step));
  if (step.kind === 'capture') return [...disk, ...(step.parent === undefined ? [] : [step.parent])];
  if (step.kind === 'restore') return [...disk, step.image, ...(step.was === undefined ? [] : [step.was])];
  return disk;
}

/** Names of images that jobs which have not ended will make. */
async function listAwaited(db: Context['db'], exceptJobId?: string): Promise<ReadonlySet<string>> {
  const rows = await db
    .selectFrom('jobs')
    .select(['id', 'steps'])
    .where('state', 'in', ['queued', 'running'])
    .execute();
  const others = rows.filter(({ id }) => id !== exceptJobId);
  const steps = others.flatMap((row) => JSON.parse(row.steps) as Step[]);
  return new Set(steps.flatMap((step) => (step.kind === 'capture' ? [step.image] : [])));
}

async function hasImage(store: Store, name: string): Promise<boolean> {
  return (await readManifest(store, name)) !== null;
}

async function readManifest(store: Store, name: string): Promise<Buffer | null> {
  try {
    return await store.getManifest(name);
  } catch (thrown) {
    if (toDeployError(thrown).code === 'image-not-found') return null;
    throw thrown;
  }
}

async function findAsync<T>(all: readonly T[], holds: (one: T) => Promise<boolean>): Promise<T | undefined> {
  for (const one of all) if (await holds(one)) return one;
  return undefined;
}

/** Null also for an image that a job is still to capture. */
async function findDamage({ db, store }: Images, name: string): Promise<DeployError | null> {
  const manifest = await readManifest(store, name);
  if (manifest === null) return null;
  const damage = await readDamage(db, parseStoredManifest(manifest).id);
  if (damage === null) return null;
  return new DeployError('image-damaged', `the image '${name}' was found damaged on ${damage.at}: ${damage.message}`, {
    hint: 'Restore another image, or mend the store and verify this one again; to restore it all the same, say so: --use-damaged.',
  });
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
