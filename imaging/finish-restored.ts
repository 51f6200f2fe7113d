// The end of the recipe of a restore, when all of it was read back: the file system that was given room takes it, ids are renewed, then its systems get settings of their own.
import { DeployError } from '../protocol/errors.ts';
import type { Target } from './blockdev/target.ts';
import type { FittedImage } from './fit/fit-image.ts';
import { type Growth, growPartition } from './fit/grow-partition.ts';
import { listLinuxRoots } from './fit/linux-roots.ts';
import { describePlace, type KeptId, type NewIds } from './fit/new-ids.ts';
import { idWarning, renewFileSystemIds, tableIdChanges } from './fit/renew-ids.ts';
import type { FinishPlan } from './fit/require-programs.ts';
import { rewritePartition } from './fit/rewrite-partition.ts';
import type { Manifest } from './manifest/manifest.ts';
import type { RunOptions } from './progress.ts';
import { applySettings } from './settings/apply-settings.ts';
import { checkHostName, type MachineSettings, type SettingsResult, wantsSettings } from './settings/settings.ts';
import { canReadDirectly } from './write-image.ts';

export type FinishOptions = RunOptions & MachineSettings & { readonly newIds?: boolean; readonly workers?: number };
export type Finished = {
  readonly grown: Growth | null;
  readonly newIds: NewIds | null;
  /** What its systems have of their own now; null where nothing was asked for, and for a single partition. */
  readonly settings: SettingsResult | null;
};

/** What of `fitted` changes behind the read-back. @throws invalid-input (no host name) */
export function planFinish(
  captured: Manifest,
  { grown, manifest }: Pick<FittedImage, 'grown' | 'manifest'>,
  options: Pick<FinishOptions, 'newIds' | keyof MachineSettings>,
): FinishPlan {
  if (options.hostName !== undefined) checkHostName(options.hostName);
  return {
    grown,
    renewed: options.newIds === true ? manifest.partitions : [],
    mounted: wantsSettings(options) ? listLinuxRoots(captured, manifest) : [],
  };
}

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
  const finished = await finishFileSystems(captured, fitted, target, options);
  return { ...finished, settings: await setSystems(captured, fitted, target, options) };
}

async function finishFileSystems(
  captured: Manifest,
  fitted: FittedImage,
  target: Target,
  options: FinishOptions,
): Promise<Omit<Finished, 'settings'>> {
  const grow = () => growRestored(fitted, target, options);
  let grown = await grow();
  if (options.newIds !== true) return { grown, newIds: null };
  const { partitions, geometry } = fitted.manifest;
  const { sectorSizeBytes } = geometry;
  const direct = await canReadDirectly(target);
  const places = partitions.map((part) => ({ ...part, sizeBytes: sizeNow(fitted, part), restored: part }));
  const renewed = await renewFileSystemIds({ ...target, sectorSizeBytes }, places, async ({ number, restored }) => {
    await rewritePartition(fitted, restored, target, { ...options, direct });
    // The image has it as it was before it grew.
    if (grown?.partition === number && grown.fileSystemGrown) grown = await grow();
  });
  const newIds = { changed: [...tableIdChanges(captured, fitted.manifest), ...renewed.changed], kept: renewed.kept };
  warnOfIds(newIds, options);
  return { grown, newIds };
}

/** The image has it as it was before it grew. */
function sizeNow({ grown }: FittedImage, { number, sizeBytes }: Manifest['partitions'][0]): number {
  return grown?.number === number ? grown.sizeBytes : sizeBytes;
}

async function setSystems(
  captured: Manifest,
  fitted: FittedImage,
  target: Target,
  options: FinishOptions,
): Promise<SettingsResult | null> {
  if (!wantsSettings(options)) return null;
  const roots = listLinuxRoots(captured, fitted.manifest);
  if (roots.length === 0) {
    options.onWarning?.(
      'no Linux was found on it when it was captured: its systems keep the names and keys that they have',
    );
  }
  const { sectorSizeBytes } = fitted.manifest.geometry;
  const places = roots.map((root) => ({ ...root, sizeBytes: sizeNow(fitted, root.partition) }));
  const settings = await applySettings({ ...target, sectorSizeBytes }, places, options);
  for (const { file, why, ...place } of settings.kept) {
    const where = placeOf(place);
    if (file === null) options.onWarning?.(`the system on ${where} keeps its names and keys: ${why}`);
    else options.onWarning?.(`${file} on ${where} is as captured: ${why}`);
  }
  return settings;
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

const placeOf = (id: Pick<KeptId, 'partition' | 'volume'>) => describePlace(id, 'the file system');
const maxListed = 20;

/** Of a disk, or of a single partition, which has no settings. */
export type Restored = Omit<Finished, 'settings'> & Partial<Finished> & { readonly name: string };

/** The file system that was to grow and did not, or the ids that were to be new and are not, as an error, for those who want one; everything else is done. */
export function finishError({ name, grown, newIds, settings }: Restored): DeployError | null {
  if (grown !== null && !grown.fileSystemGrown) {
    const { partition, note } = grown;
    const what = partition === 0 ? 'its file system' : `the file system of partition ${partition}`;
    return new DeployError('grow-failed', `'${name}' is restored and whole, but ${what} is not grown: ${note}`, {
      hint: 'Grow it with its own tool; the room is there. Nothing has to be restored again.',
    });
  }
  if (newIds !== null && newIds.kept.length > 0) {
    const which = newIds.kept.map((id) => `${placeOf(id)} (${id.fileSystem ?? 'not looked into'}): ${id.why}`);
    return new DeployError(
      'new-ids-incomplete',
      `'${name}' is restored and whole, but these keep the ids that were captured: ${listSome(which)}`,
      { hint: 'Give them new ones with their own tools before a system sees this disk beside the captured one.' },
    );
  }
  const failed = settings?.kept.filter((kept) => kept.failed) ?? [];
  if (failed.length === 0) return null;
  const which = failed.map(({ file, why, ...place }) => `${file ?? 'the system'} on ${placeOf(place)}: ${why}`);
  return new DeployError(
    'settings-incomplete',
    `'${name}' is restored and whole, but not all of its settings are its own: ${listSome(which)}`,
    {
      hint: 'Change the rest by hand before it is started beside the captured machine. Nothing has to be restored again.',
    },
  );
}

function listSome(all: readonly string[]): string {
  return [...all.slice(0, maxListed), ...(all.length > maxListed ? ['…'] : [])].join('; ');
}
