// What a restore of one partition would do, before it does it: as plan-restore.ts, and where on which table the partition lies.
import { z } from 'zod';
import { DeployError } from '../protocol/errors.ts';
import { windowOf } from './blockdev/byte-reader.ts';
import { identifyTarget, type TargetIdentity } from './blockdev/target-identity.ts';
import { chooseVolume, type VolumeChoice } from './fit/choose-volume.ts';
import { type ExtractedPartition, extractPartition } from './fit/extract-partition.ts';
import { requirePrograms } from './fit/require-programs.ts';
import { findTargetPartition, type TargetPartition } from './fit/target-partition.ts';
import { openImageReader } from './image-reader.ts';
import { loadManifest } from './manifest/load-image.ts';
import type { Manifest } from './manifest/manifest.ts';
import {
  checkPlan,
  describePresent,
  planChanged,
  planParts,
  type RestorePlan,
  restorePlanSchema,
} from './plan-restore.ts';
import { type CheckRestoreOptions, checkRestore } from './preflight/check-restore.ts';
import type { Finding } from './preflight/finding.ts';
import type { RunOptions } from './progress.ts';
import { type PresentPartition, readPresentPartition } from './read-present-target.ts';
import type { ChunkStore } from './store/chunk-store.ts';

const schema = planParts.extend({
  /** Another word than a whole disk's: who takes one for the other must not write. */
  format: z.literal('deploy-os-partition-restore-plan'),
  /** `number` of the target, 0 being all of it, gets `from` of the image; the digest is of the sectors of the target's table. */
  partition: z.object({
    from: z.number(),
    number: z.number(),
    startBytes: z.number(),
    sizeBytes: z.number(),
    tableSectorsDigest: z.string(),
  }),
  /** All of that partition is overwritten, and nothing else. */
  write: z.object({
    usedBytes: z.number(),
    holes: z.enum(['discard', 'leave']),
    grow: z.boolean(),
    growVolume: z.string().exactOptional(),
    newIds: z.boolean(),
    allowMember: z.boolean(),
    allowShared: z.boolean().default(false),
  }),
});

export type PartitionPlan = z.infer<typeof schema>;

/** The plan for a disk or a partition out of foreign text. @throws invalid-input */
export function parsePlan(text: string): RestorePlan | PartitionPlan {
  try {
    return z.discriminatedUnion('format', [restorePlanSchema, schema]).parse(JSON.parse(text));
  } catch (cause) {
    throw new DeployError('invalid-input', 'that is no plan of a restore', { cause });
  }
}

export type PlanPartitionOptions = RunOptions &
  Pick<CheckRestoreOptions, 'allowShared' | 'firmware' | 'onFinding'> & {
    readonly imageName: string;
    readonly targetPath: string;
    readonly store: ChunkStore;
    readonly partition: number;
    readonly toPartition?: number | undefined;
    readonly holes?: 'discard' | 'leave';
    readonly grow?: boolean;
    /** The logical volume that takes the room, where it is a physical volume. */
    readonly growVolume?: string;
    readonly newIds?: boolean;
    readonly allowMember?: boolean;
  };

export type PreparedPartition = {
  readonly captured: Manifest;
  readonly to: TargetPartition;
  readonly extracted: ExtractedPartition;
  /** What grows in it, where it is a physical volume of LVM2. */
  readonly volume: VolumeChoice;
  readonly findings: readonly Finding[];
};

/** What goes where, when all that can refuse it without a look at what is there has not. @throws what refuses a restore before its first write */
export async function preparePartition(options: PlanPartitionOptions): Promise<PreparedPartition> {
  const { imageName, targetPath, store, partition: from, toPartition = from, allowMember = false, signal } = options;
  const captured = await loadManifest(store, imageName, signal);
  const to = await findTargetPartition(targetPath, toPartition, { allowMember });
  const extracted = await extractPartition({ manifest: captured, store }, from, to, signal);
  const { partition } = extracted;
  const findings = await checkRestore(captured, options);
  const grows = options.grow === true && to.sizeBytes > partition.sizeBytes;
  const bytes = windowOf(openImageReader(store, captured, options), partition.startBytes, partition.sizeBytes);
  const volume = grows ? await chooseVolume(bytes, partition, options.growVolume) : null;
  const grown = grows ? { ...partition, volume } : null;
  await requirePrograms({ grown, renewed: options.newIds === true ? [partition] : [] });
  return { captured, to, extracted, volume, findings };
}

/** Looks at image and target as `restorePartition` would; nothing is written. @throws what refuses a restore before its first write */
export async function planPartition(options: PlanPartitionOptions): Promise<PartitionPlan> {
  const { targetPath, partition: from } = options;
  const { holes = 'discard', grow = false, growVolume, newIds = false, allowMember = false } = options;
  const { allowShared = false } = options;
  const { captured, to, extracted, findings } = await preparePartition(options);
  const target = await identifyTarget(targetPath, to.named);
  const present = await readPresentPartition(targetPath, to);
  const { id, name, rootDigest, usedBytes } = captured;
  return {
    ...{ format: 'deploy-os-partition-restore-plan', version: 1 },
    ...{ image: { id, name, rootDigest, usedBytes }, target, present: describePresent(present) },
    partition: placeOf(from, to, present),
    write: {
      ...{ usedBytes: extracted.image.manifest.usedBytes, holes, grow, newIds, allowMember, allowShared },
      ...(growVolume === undefined ? {} : { growVolume }),
    },
    warnings: [],
    findings: [...findings],
  };
}

function placeOf(from: number, to: TargetPartition, present: PresentPartition): PartitionPlan['partition'] {
  const { number, namedStartBytes: startBytes, sizeBytes } = to;
  return { from, number, startBytes, sizeBytes, tableSectorsDigest: present.tableSectorsDigest };
}

/** What a restore of a partition is about to write, and where. */
type ToWrite = {
  readonly manifest: Manifest;
  readonly from: number;
  readonly to: TargetPartition;
  readonly identity: TargetIdentity;
  readonly present: PresentPartition;
};

/** As `checkPlan`, and the table and the partition's place in it must be those of the plan. @throws target-changed */
export function checkPartitionPlan(plan: PartitionPlan, { manifest, from, to, identity, present }: ToWrite): void {
  checkPlan(plan, manifest, identity, present);
  const place = placeOf(from, to, present);
  const keys = ['from', 'number', 'startBytes', 'sizeBytes', 'tableSectorsDigest'] as const;
  const different = keys.find((key) => place[key] !== plan.partition[key]);
  if (different === 'tableSectorsDigest') throw planChanged(identity, 'its partition table has changed');
  if (different !== undefined) throw planChanged(identity, 'the plan is for another partition, or that lies elsewhere');
}
