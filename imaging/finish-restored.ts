// The end of the recipe of a restore, when all of it was read back: the file system that was given room takes it, then ids are renewed.
import { DeployError } from '../protocol/errors.ts';
import type { Target } from './blockdev/target.ts';
import type { FittedImage } from './fit/fit-image.ts';
import { type Growth, growPartition } from './fit/grow-partition.ts';
import { describePlace, type KeptId, type NewIds } from './fit/new-ids.ts';
import { idWarning, renewFileSystemIds, tableIdChanges } from './fit/renew-ids.ts';
import { rewritePartition } from './fit/rewrite-partition.ts';
import type { Manifest } from './manifest/manifest.ts';
import type { RunOptions } from './progress.ts';
import { canReadDirectly } from './write-image.ts';

export type FinishOptions = RunOptions & { readonly newIds?: boolean; readonly workers?: number };
export type Finished = { readonly grown: Growth | null; readonly newIds: NewIds | null };

/**
 * What was restored is proved by now, and stays where a tool fails: that is an answer, and a warning.
 * @throws what putting a partition back throws
 */
export async function finishRestored(
  captured: Manifest,
  fitted: FittedImage,
  target: Target,
  options: FinishOptions,
): Promise<Finished> {
  const grow = () => growRestored(fitted, target, options);
  let grown = await grow();
  if (options.newIds !== true) return { grown, newIds: null };
  const { partitions, geometry } = fitted.manifest;
  const { sectorSizeBytes } = geometry;
  const direct = await canReadDirectly(target);
  const places = partitions.map((part) => {
    const { sizeBytes } = fitted.grown?.number === part.number ? fitted.grown : part;
    return { ...part, sizeBytes, restored: part };
  });
  const renewed = await renewFileSystemIds({ ...target, sectorSizeBytes }, places, async ({ number, restored }) => {
    await rewritePartition(fitted, restored, target, { ...options, direct });
    // The image has it as it was before it grew.
    if (grown?.partition === number && grown.fileSystemGrown) grown = await grow();
  });
  const newIds = { changed: [...tableIdChanges(captured, fitted.manifest), ...renewed.changed], kept: renewed.kept };
  warnOfIds(newIds, options);
  return { grown, newIds };
}

async function growRestored(fitted: FittedImage, target: Target, options: FinishOptions): Promise<Growth | null> {
  const { grown } = fitted;
  if (grown === null) return null;
  const { sectorSizeBytes } = fitted.manifest.geometry;
  const direct = await canReadDirectly(target);
  const growth = await growPartition({ ...target, sectorSizeBytes }, grown, () =>
    rewritePartition(fitted, grown, target, { ...options, direct }),
  );
  if (growth.note !== null) {
    const what = nameOf(growth.partition);
    options.onWarning?.(`${what} ${growth.fileSystemGrown ? 'is grown' : 'is not grown'}: ${growth.note}`);
  }
  return growth;
}

/** Says what did not get a new id, and what may still name the old ones. */
export function warnOfIds({ changed, kept }: NewIds, { onWarning }: RunOptions): void {
  for (const id of kept) onWarning?.(`${placeOf(id)} keeps the id of its ${id.fileSystem ?? 'content'}: ${id.why}`);
  if (changed.length > 0) onWarning?.(idWarning);
}

function nameOf(partition: number): string {
  return partition === 0 ? 'the file system' : `partition ${partition}`;
}

const placeOf = (id: KeptId) => describePlace(id, 'the file system');
const maxListed = 20;

type Unfinished = Finished & { readonly name: string };

/** The file system that was to grow and did not, or the ids that were to be new and are not, as an error, for those who want one; everything else is done. */
export function finishError({ name, grown, newIds }: Unfinished): DeployError | null {
  if (grown !== null && !grown.fileSystemGrown) {
    const { partition, note } = grown;
    const what = partition === 0 ? 'its file system' : `the file system of partition ${partition}`;
    return new DeployError('grow-failed', `'${name}' is restored and whole, but ${what} is not grown: ${note}`, {
      hint: 'Grow it with its own tool; the room is there. Nothing has to be restored again.',
    });
  }
  if (newIds === null || newIds.kept.length === 0) return null;
  const listed = newIds.kept.slice(0, maxListed);
  const which = listed.map((id) => `${placeOf(id)} (${id.fileSystem ?? 'not looked into'}): ${id.why}`);
  if (newIds.kept.length > maxListed) which.push('…');
  return new DeployError(
    'new-ids-incomplete',
    `'${name}' is restored and whole, but these keep the ids that were captured: ${which.join('; ')}`,
    { hint: 'Give them new ones with their own tools before a system sees this disk beside the captured one.' },
  );
}
