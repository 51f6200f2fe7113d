// `deploy-os image undo`: takes the last restore onto a disk back, as far as that goes.
import type { Command } from 'commander';
import { isEscrowName } from '../imaging/manifest/image-name.ts';
import { undoRestore } from '../imaging/undo.ts';
import { DeployError } from '../protocol/errors.ts';
import { printImages } from './image-output.ts';
import { formatBytes, printJson } from './output.ts';
import { type StoreOptions, usingStore, withStore } from './store-option.ts';
import { withProgress } from './with-progress.ts';

type Flags = StoreOptions & { list?: true; saved?: string; machine?: string; force?: true; member?: true; json?: true };

/** Adds `undo` to `deploy-os image`. */
export function addVerb(image: Command): void {
  withStore(
    image
      .command('undo [target]')
      .description('Put back the tables and the starts of partitions that a restore saved before it wrote'),
  )
    .option('--list', 'list what restores have saved')
    .option('--machine <id>', 'of what jobs of this machine have saved, by its id (deploy-os machine show)')
    .option('--saved <name>', 'which of them to put back (default: the newest of that disk)')
    .option('--force', 'also where the disk does not hold what that restore wrote')
    .option('--member', 'the target may be a member of an array')
    .option('--json', 'print the result as JSON')
    .action(undo);
}

/** What a person must know before they trust the disk again. */
const limits =
  'Back are: partition tables, the first and last MiB, and the first MiB and last 128 KiB of each partition. Not back is what the\n' +
  'restore overwrote or discarded between them: check every file system, and copy what is precious before you write to it.\n';
const partitionLimits =
  'Back are its first and last MiB; the rest of the disk was not touched. Not back is what the restore overwrote or discarded between\n' +
  'them: check the file system, and copy what is precious before you write to it.\n';

async function undo(targetPath: string | undefined, flags: Flags): Promise<void> {
  if (flags.list) return await list(flags);
  if (targetPath === undefined) throw new DeployError('usage', "missing argument 'target' (or --list)");
  const { saved, machine, force = false, member = false } = flags;
  const result = await usingStore(flags, (store) =>
    withProgress((run) =>
      undoRestore({
        ...{ ...run, store, targetPath, force, allowMember: member },
        ...(saved === undefined ? {} : { escrowName: saved }),
        ...(machine === undefined ? {} : { machine }),
      }),
    ),
  );
  if (flags.json) return printJson(result);
  const { partition, savedAt, imageName, bytesVerified } = result;
  process.stdout.write(
    `${partition === null ? '' : `Partition ${partition} of `}${targetPath} has back what was saved ${savedAt}, before '${imageName}' went onto it: ` +
      `${formatBytes(bytesVerified)}, read back.\n${partition === null ? limits : partitionLimits}`,
  );
}

async function list(flags: Flags): Promise<void> {
  const saved = (await usingStore(flags, (store) => store.listManifests())).filter(({ name }) => isEscrowName(name));
  if (flags.json) printJson(saved);
  else printImages(saved);
}
