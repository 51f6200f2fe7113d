// `deploy-os image restore`: an image goes onto a disk, and all of it is read back.
import { type Command, Option } from 'commander';
import { growError, restoreImage } from '../imaging/restore.ts';
import { confirmOverwrite } from './confirm-overwrite.ts';
import { printRestore } from './image-output.ts';
import { failWith, printJson } from './output.ts';
import { type StoreOptions, usingStore, withStore } from './store-option.ts';
import { withProgress } from './with-progress.ts';
import { number, type WorkerFlags, workersOf } from './workers-option.ts';

type Flags = StoreOptions &
  WorkerFlags & {
    holes: 'leave' | 'discard';
    delta: 'auto' | 'always' | 'never';
    was?: string;
    grow: Grow;
    shrink?: true;
    member?: true;
    acceptLost?: true;
    yes?: true;
    json?: true;
  };

type Grow = 'none' | 'last' | number;

/** Adds `restore` to `deploy-os image`. */
export function addRestoreCommand(image: Command): void {
  withStore(image.command('restore <name> <target>').description('Write an image onto a disk, and read it back'))
    .addOption(
      new Option('--holes <what>', 'unused ranges of the disk').choices(['discard', 'leave']).default('discard'),
    )
    .addOption(
      new Option('--delta <when>', 'read the disk first and leave what is right; auto: when a sample says it pays')
        .choices(['auto', 'always', 'never'])
        .default('auto'),
    )
    .option('--was <image>', 'what the disk holds now: chunks of it that belong elsewhere are copied on the disk')
    .option(
      '--grow <partition>',
      'give free space to the `last` partition, to one by its number, or to `none`',
      partitionToGrow,
      'none',
    )
    .option('--shrink', 'make one file system smaller if the disk is too small for the image (ext, NTFS, Btrfs)')
    .option('--member', 'overwrite a member of an array as if it were a disk')
    .option('--accept-lost', 'restore also an image of which bytes are lost')
    .option('--workers <number>', 'threads (default: as many as cores)', number(1, 64))
    .option('--yes', 'overwrite without asking')
    .option('--json', 'print the result as JSON')
    .action(restore);
}

async function restore(name: string, disk: string, flags: Flags): Promise<void> {
  const { holes, delta, was, grow, shrink = false, member, acceptLost, yes, json } = flags;
  if (!yes) await confirmOverwrite(disk, name);
  const result = await usingStore(flags, (store) =>
    withProgress((run) =>
      restoreImage({
        ...run,
        ...workersOf(flags),
        ...(was === undefined ? {} : { presentImageName: was }),
        ...{ imageName: name, targetPath: disk, store, holes, delta, grow, shrink, allowMember: member ?? false },
        acceptLost: acceptLost ?? false,
      }),
    ),
  );
  if (json) printJson(result);
  else printRestore(result, disk);
  failWith(growError(result));
}

function partitionToGrow(text: string): Grow {
  return text === 'none' || text === 'last' ? text : number(0, 1024)(text);
}
