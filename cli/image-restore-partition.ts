// `deploy-os image restore --partition N`: one partition of an image into one partition of a disk.
import { finishError } from '../imaging/finish-restored.ts';
import { restorePartition } from '../imaging/restore-partition.ts';
import { confirmOverwrite } from './confirm-overwrite.ts';
import { printPartitionRestore } from './image-output.ts';
import { failWith, printJson } from './output.ts';
import { type StoreOptions, usingStore } from './store-option.ts';
import { withProgress } from './with-progress.ts';

type Flags = StoreOptions & {
  readonly partition: number;
  readonly toPartition?: number;
  readonly grow: 'none' | 'last' | number;
  readonly holes: 'leave' | 'discard';
  readonly newIds?: true;
  readonly member?: true;
  readonly acceptLost?: true;
  readonly workers?: number;
  readonly yes?: true;
  readonly json?: true;
};

export async function restoreOnePartition(imageName: string, targetPath: string, flags: Flags): Promise<void> {
  const {
    partition,
    toPartition = partition,
    holes,
    grow,
    newIds = false,
    member = false,
    acceptLost = false,
    workers,
  } = flags;
  if (!flags.yes)
    await confirmOverwrite(targetPath, imageName, toPartition === 0 ? 'All of it' : `Partition ${toPartition}`);
  const result = await usingStore(flags, (store) =>
    withProgress((run) =>
      restorePartition({
        ...run,
        ...(workers === undefined ? {} : { workers }),
        ...{ imageName, targetPath, store, partition, toPartition, holes, allowMember: member, acceptLost },
        ...{ grow: grow !== 'none', newIds },
      }),
    ),
  );
  if (flags.json) printJson(result);
  else printPartitionRestore(result, targetPath);
  failWith(finishError(result));
}
