// `deploy-os image restore --partition N`: one partition of an image into one partition of a disk.
import { finishError } from '../imaging/finish-restored.ts';
import { type PartitionPlan, planPartition } from '../imaging/plan-partition.ts';
import { restorePartition } from '../imaging/restore-partition.ts';
import { confirmOverwrite } from './confirm-overwrite.ts';
import type { Growing } from './grow-option.ts';
import { printPartitionPlan, printPartitionRestore } from './image-output.ts';
import { failWith, printJson } from './output.ts';
import { type StoreOptions, usingStore } from './store-option.ts';
import { withProgress } from './with-progress.ts';
import { type WorkerFlags, workersOf } from './workers-option.ts';

export type PartitionFlags = StoreOptions &
  WorkerFlags & {
    readonly partition: number;
    readonly toPartition: number;
    readonly grow: Growing;
    readonly holes: 'leave' | 'discard';
    readonly delta: 'auto' | 'always' | 'never';
    readonly was?: string;
    readonly newIds?: true;
    readonly planOnly?: true;
    readonly plan?: PartitionPlan;
    readonly escrow: boolean;
    readonly member?: true;
    readonly allowShared?: true;
    readonly acceptLost?: true;
    readonly yes?: true;
    readonly json?: true;
  };

export async function restoreOnePartition(imageName: string, targetPath: string, flags: PartitionFlags): Promise<void> {
  const { partition, toPartition, holes, delta, was, escrow, plan, json, acceptLost = false } = flags;
  const { grow, newIds = false, member: allowMember = false, allowShared = false, planOnly } = flags;
  const asked = { holes, ...grow, grow: grow.grow !== 'none', newIds, allowMember, allowShared };
  if (!flags.yes && !planOnly)
    await confirmOverwrite(targetPath, imageName, toPartition === 0 ? 'All of it' : `Partition ${toPartition}`);
  await usingStore(flags, async (store) => {
    const options = {
      ...{ imageName, targetPath, store, partition, toPartition, delta, escrow, ...workersOf(flags) },
      ...{ ...(plan?.write ?? asked), acceptLost, ...(was === undefined ? {} : { presentImageName: was }) },
      ...(plan === undefined ? {} : { plan }),
    };
    if (planOnly) {
      const planned = await planPartition(options);
      return json ? printJson(planned) : printPartitionPlan(planned);
    }
    const result = await withProgress((run) => restorePartition({ ...options, ...run }));
    if (json) printJson(result);
    else printPartitionRestore(result, targetPath);
    failWith(finishError(result));
  });
}
