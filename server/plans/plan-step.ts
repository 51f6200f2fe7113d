// One step of a plan: which disk its selector picks, what becomes of it, and what would refuse it; by the code that the agent runs.
import { checkFits } from '../../imaging/fit/check-fits.ts';
import { readImageSource } from '../../imaging/manifest/image-source.ts';
import type { Manifest } from '../../imaging/manifest/manifest.ts';
import { refusalOf } from '../../imaging/preflight/finding.ts';
import { findForRestore } from '../../imaging/preflight/restore-findings.ts';
import { listClusterFileSystems } from '../../imaging/preflight/shared-disk.ts';
import type { CheckedDisk } from '../../protocol/disk-check.ts';
import { type DeployError, type ErrorBody, toDeployError, toErrorBody } from '../../protocol/errors.ts';
import { listSelectorImages, selectorOf } from '../../protocol/expand-steps.ts';
import type { Inventory } from '../../protocol/inventory.ts';
import type { PlannedStep, PlanWarning } from '../../protocol/plan.ts';
import type { Step } from '../../protocol/scenario.ts';
import { describeDisk, type ImageSource, selectDisk } from '../../protocol/select-disk.ts';
import { findDiskFaults, warnOfDisk } from './disk-faults.ts';
import { describeWipe, planWipe } from './plan-wipe.ts';
import type { PlannedImages } from './planned-images.ts';

type Facts = {
  /** Null when nothing is known of them. */
  readonly disks: readonly CheckedDisk[] | null;
  readonly firmware: Inventory['firmware'] | null;
  readonly images: PlannedImages;
  /** What is wrong with the names of its images. */
  readonly fault: DeployError | null;
};

export async function planStep(step: Step, facts: Facts): Promise<PlannedStep> {
  const refusals: ErrorBody[] = facts.fault === null ? [] : [toErrorBody(facts.fault)];
  const attempt = async <T>(work: () => Promise<T>): Promise<T | null> => {
    try {
      return await work();
    } catch (thrown) {
      const body = toErrorBody(toDeployError(thrown));
      if (!refusals.some(({ code, message }) => code === body.code && message === body.message)) refusals.push(body);
      return null;
    }
  };
  const selector = selectorOf(step);
  const disk = selector === null ? null : await attempt(() => pickDisk(step, facts));
  const image = step.kind === 'restore' && facts.fault === null ? await loadIfThere(step.image, facts, attempt) : null;
  const findings = image === null || step.kind !== 'restore' ? [] : findInRestore(step, image, disk, facts);
  const shared = refusalOf(findings);
  if (shared !== null) refusals.push(toErrorBody(shared));
  if (disk !== null) refusals.push(...findDiskFaults(step, disk).map(toErrorBody));
  if (step.kind === 'wipe' && disk !== null) {
    await attempt(async () => planWipe(step, disk));
  }
  const shrinks = step.kind === 'restore' && step.shrink === true;
  const warnings: PlanWarning[] = disk === null ? [] : warnOfDisk(step, disk);
  if (step.kind === 'restore' && image === null && facts.fault === null) {
    warnings.push({
      code: 'image-coming',
      message: `'${step.image}' is still to be captured: whether it fits is not known`,
    });
  }
  if (step.kind === 'restore' && image !== null && disk !== null && step.partition === undefined) {
    const why = await refusalOfSize(step, { image, disk, images: facts.images });
    if (why?.code === 'target-too-small' && shrinks) {
      warnings.push({
        code: 'shrinks',
        message: `${why.message}: one file system would be made smaller, if it can be`,
      });
    } else if (why !== null) refusals.push(toErrorBody(why));
  }
  return {
    step,
    summary: summarize(step, disk),
    disk,
    image: image === null ? null : describeImage(image),
    overwrites: overwrites(step),
    usedBytes: image?.usedBytes ?? (step.kind === 'capture' ? (disk?.map?.usedBytes ?? null) : null),
    refusals,
    warnings,
    findings,
  };
}

async function pickDisk(step: Step, { disks, images }: Facts): Promise<CheckedDisk | null> {
  const selector = selectorOf(step);
  if (selector === null || disks === null) return null;
  const sources = new Map<string, ImageSource>();
  for (const name of listSelectorImages(selector)) sources.set(name, await readImageSource(images.store, name));
  return selectDisk(disks, selector, sources);
}

/** Null also for an image that another job will have captured by then. */
async function loadIfThere(
  name: string,
  { images }: Facts,
  attempt: <T>(work: () => Promise<T>) => Promise<T | null>,
): Promise<Manifest | null> {
  return attempt(async () => {
    try {
      return await images.load(name);
    } catch (thrown) {
      if (toDeployError(thrown).code === 'image-not-found') return null;
      throw thrown;
    }
  });
}

type RestoreStep = Extract<Step, { kind: 'restore' }>;

async function refusalOfSize(
  { grow }: RestoreStep,
  { image, disk, images }: { image: Manifest; disk: CheckedDisk; images: PlannedImages },
): Promise<DeployError | null> {
  const { sizeBytes, sectorSizeBytes } = disk;
  const target = { kind: 'block', exists: true, sizeBytes, sectorSizeBytes, label: describeDisk(disk) } as const;
  try {
    await checkFits({ manifest: image, store: images.store }, target, { grow });
    return null;
  } catch (thrown) {
    return toDeployError(thrown);
  }
}

function findInRestore(
  { partition, allowShared = false }: RestoreStep,
  manifest: Manifest,
  disk: CheckedDisk | null,
  { firmware }: Facts,
) {
  const { model, serial } = manifest.source;
  const clusterFileSystems = listClusterFileSystems(disk?.map?.partitions ?? []);
  return findForRestore(
    {
      ...{ manifest, partition, firmware, now: new Date(), clusterFileSystems, reservations: null },
      controller: disk === null ? null : { bus: disk.bus, driver: disk.controller?.driver ?? null },
      sameDisk: disk !== null && serial !== null && disk.serial === serial && disk.model === model,
    },
    allowShared,
  );
}

function describeImage({ id, name, createdAt, geometry, usedBytes, source }: Manifest): PlannedStep['image'] {
  const { sizeBytes, sectorSizeBytes } = geometry;
  const { model, serial } = source;
  return { id, name, createdAt, sizeBytes, sectorSizeBytes, usedBytes, model, serial };
}

function overwrites(step: Step): PlannedStep['overwrites'] {
  if (step.kind === 'wipe') return 'disk';
  if (step.kind !== 'restore') return 'nothing';
  const { partition, toPartition = partition } = step;
  return toPartition === undefined || toPartition === 0 ? 'disk' : 'partition';
}

function summarize(step: Step, disk: CheckedDisk | null): string {
  const where = disk === null ? 'a disk that is not known' : describeDisk(disk);
  switch (step.kind) {
    case 'capture': {
      const what = step.partitions === undefined ? '' : `partition ${step.partitions.join(', ')} of `;
      return `capture ${what}${where} as '${step.image}'`;
    }
    case 'restore': {
      const { partition, toPartition = partition } = step;
      const what = partition === undefined ? '' : `partition ${partition} of `;
      const into = partition === undefined || toPartition === 0 ? '' : `partition ${toPartition} of `;
      return `restore ${what}'${step.image}' onto ${into}${where}`;
    }
    case 'wipe':
      return `wipe ${where} (${describeWipe(step, disk)})`;
    case 'script':
      return 'run a script in the Deploy-OS';
    case 'check':
      return 'check all disks';
  }
}
