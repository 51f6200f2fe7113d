// What a restore would do, before it does it: the exact target, what is on it, what will be written. A restore that is given a plan keeps to it.
import { z } from 'zod';
import { DeployError } from '../protocol/errors.ts';
import { checkTarget } from './blockdev/check-target.ts';
import { differenceOf, identifyTarget, type TargetIdentity, targetIdentitySchema } from './blockdev/target-identity.ts';
import { planFinish } from './finish-restored.ts';
import { requirePrograms } from './fit/require-programs.ts';
import { loadManifest } from './manifest/load-image.ts';
import type { Manifest } from './manifest/manifest.ts';
import { type CheckRestoreOptions, checkRestore } from './preflight/check-restore.ts';
import { findingSchema } from './preflight/finding.ts';
import { type PresentTarget, readPresentTarget } from './read-present-target.ts';
import type { MachineSettings } from './settings/settings.ts';
import { type FitOrShrinkOptions, fitOrShrink } from './shrink/fit-shrunk.ts';
import type { ChunkStore, Digest } from './store/chunk-store.ts';

const partition = z.object({
  number: z.number(),
  startBytes: z.number(),
  sizeBytes: z.number(),
  type: z.string(),
  name: z.string().nullable(),
});

/** What the plans for disks and for partitions both say. */
export const planParts = z.object({
  version: z.literal(1),
  image: z.object({ id: z.string(), name: z.string(), rootDigest: z.string(), usedBytes: z.number() }),
  target: targetIdentitySchema,
  /** What is on it now. The digest is of its first and last MiB; null for a file to be made. */
  present: z.object({
    tablesDigest: z.string().nullable(),
    table: z.enum(['gpt', 'mbr', 'none']),
    diskId: z.string().nullable(),
    partitions: z.array(partition),
    /** The image whose restore was left unfinished. */
    unfinished: z.string().nullable(),
  }),
  warnings: z.array(z.string()),
  findings: z.array(findingSchema).default([]),
});

type PlanParts = z.infer<typeof planParts>;

export const restorePlanSchema = planParts.extend({
  format: z.literal('deploy-os-restore-plan'),
  /** All of the target is overwritten: used bytes with the image's, the rest as `holes` says. */
  write: z.object({
    usedBytes: z.number(),
    holes: z.enum(['discard', 'leave']),
    grow: z.union([z.enum(['none', 'last']), z.number()]),
    growVolume: z.string().exactOptional(),
    shrink: z.boolean(),
    newIds: z.boolean().default(false),
    hostName: z.string().exactOptional(),
    newIdentity: z.boolean().default(false),
    allowMember: z.boolean(),
    allowShared: z.boolean().default(false),
  }),
});

export type RestorePlan = z.infer<typeof restorePlanSchema>;

export type PlanOptions = FitOrShrinkOptions &
  MachineSettings &
  Pick<CheckRestoreOptions, 'allowShared' | 'firmware' | 'onFinding'> & {
    readonly imageName: string;
    readonly targetPath: string;
    readonly store: ChunkStore;
    readonly holes?: 'discard' | 'leave';
    readonly allowMember?: boolean;
  };

/** Looks at image and target as `restoreImage` would; nothing is written. @throws what refuses a restore before its first write */
export async function planRestore(options: PlanOptions): Promise<RestorePlan> {
  const { store, signal, imageName, targetPath, allowMember = false, holes = 'discard' } = options;
  const { grow = 'none', growVolume, shrink = false, newIds = false, hostName, newIdentity = false } = options;
  const { allowShared = false } = options;
  const warnings: string[] = [];
  const manifest = await loadManifest(store, imageName, signal);
  const facts = await checkTarget(targetPath, { allowMember });
  const findings = await checkRestore(manifest, options);
  const onWarning = (message: string) => warnings.push(message);
  await using fitted = await fitOrShrink({ manifest, store }, facts, { ...options, onWarning });
  await requirePrograms(planFinish(manifest, fitted, options));
  const target = await identifyTarget(targetPath, facts);
  const present = facts.exists ? await readPresentTarget(target) : null;
  const { id, name, rootDigest, usedBytes } = manifest;
  return {
    ...{ format: 'deploy-os-restore-plan', version: 1 },
    image: { id, name, rootDigest, usedBytes },
    target,
    present: describePresent(present),
    write: {
      ...{ usedBytes: fitted.manifest.usedBytes, holes, grow, shrink, newIds, newIdentity, allowMember, allowShared },
      ...(growVolume === undefined ? {} : { growVolume }),
      ...(hostName === undefined ? {} : { hostName }),
    },
    warnings,
    findings,
  };
}

export function describePresent(present: PresentTarget | null): PlanParts['present'] {
  if (present === null) return { tablesDigest: null, table: 'none', diskId: null, partitions: [], unfinished: null };
  const { tablesDigest, table, diskId, partitions, mark } = present;
  const described = partitions.map((part) => {
    const { number, startBytes, sizeBytes, type, name } = part;
    return { number, startBytes, sizeBytes, type, name };
  });
  return { tablesDigest, table, diskId, partitions: described, unfinished: mark?.imageName ?? null };
}

/**
 * Refuses unless image and target are those of the plan. Asked with the target open exclusively, right before the first write.
 * A target that a restore under this plan has left unfinished is the same target: its mark says what its tables were.
 * @throws target-changed
 */
export function checkPlan(plan: PlanParts, manifest: Manifest, target: TargetIdentity, present: PresentTarget): void {
  const difference = differenceOf(plan.target, target);
  if (difference !== null) throw planChanged(target, difference);
  const tables = target.exists ? present.tablesDigest : null;
  if (tables !== plan.present.tablesDigest) throw tablesChanged(target);
  if (manifest.id !== plan.image.id || manifest.rootDigest !== plan.image.rootDigest) {
    throw planChanged(target, `'${plan.image.name}' is another image now`);
  }
}

/** As `checkPlan` does it for the tables alone; `approved` undefined passes. @throws target-changed */
export function checkTables(
  approved: Digest | undefined,
  target: TargetIdentity,
  { tablesDigest }: Pick<PresentTarget, 'tablesDigest'>,
): void {
  if (approved !== undefined && tablesDigest !== approved) throw tablesChanged(target);
}

function tablesChanged(target: TargetIdentity): DeployError {
  return planChanged(target, 'the first or last MiB, where tables and superblocks are, has changed');
}

export function planChanged(target: TargetIdentity, what: string): DeployError {
  return new DeployError('target-changed', `${target.label} is not what the plan says: ${what}`, {
    hint: 'Look at the disks and the image again, and make a new plan.',
  });
}
