// `deploy-os disk wipe`: what is on a disk of this machine goes, and what is left is read back.
import { type Command, Option } from 'commander';
import { wipeMethods } from '../imaging/wipe/erase-ways.ts';
import { type WipeOptions, wipeDisk } from '../imaging/wipe/wipe-disk.ts';
import { confirmLoss } from './confirm-overwrite.ts';
import { formatBytes, printJson } from './output.ts';
import { withProgress } from './with-progress.ts';

type Flags = Required<Pick<WipeOptions, 'method' | 'pattern'>> & {
  readonly member?: true;
  readonly allowShared?: true;
  readonly yes?: true;
  readonly json?: true;
};

export function addCommands(program: Command): void {
  program
    .command('disk')
    .description('A disk of this machine (deploy-os disks lists them)')
    .command('wipe <target>')
    .description(
      'Erase a disk, and read back what is left on it (docs/operations/wipe.md says what each method is worth)',
    )
    .addOption(
      new Option(
        '--method <method>',
        'auto: the strongest way in which the disk erases itself, and overwritten where it has none',
      )
        .choices(wipeMethods)
        .default('auto'),
    )
    .addOption(new Option('--pattern <what>', 'of an overwrite').choices(['zeros', 'random']).default('zeros'))
    .option('--member', 'the target may be a member of an array')
    .option('--allow-shared', 'the target may have a cluster’s file system, which other machines may use')
    .option('--yes', 'wipe without asking')
    .option('--json', 'print the result as JSON')
    .action(wipe);
}

async function wipe(targetPath: string, flags: Flags): Promise<void> {
  const { method, pattern, member = false, allowShared = false, yes, json } = flags;
  if (!yes) await confirmLoss(targetPath, 'All of it will be erased; nothing brings it back.');
  const result = await withProgress((run) =>
    wipeDisk({ ...run, targetPath, method, pattern, allowMember: member, allowShared }),
  );
  if (json) return printJson(result);
  const { done, verified, sizeBytes, seconds } = result;
  process.stdout.write(`${targetPath}: ${formatBytes(sizeBytes)} ${done} in ${seconds.toFixed(1)} s; ${verified}\n`);
}
