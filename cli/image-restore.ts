// `deploy-os image restore`: an image goes onto a disk, and all of it is read back.
import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { finishError } from '../imaging/finish-restored.ts';
import { type PartitionPlan, parsePlan } from '../imaging/plan-partition.ts';
import { planRestore, type RestorePlan } from '../imaging/plan-restore.ts';
import { restoreImage } from '../imaging/restore.ts';
import { DeployError } from '../protocol/errors.ts';
import { confirmOverwrite } from './confirm-overwrite.ts';
import { type Growing, parseGrowing } from './grow-option.ts';
import { printPlan, printRestore } from './image-output.ts';
import { type PartitionFlags, restoreOnePartition } from './image-restore-partition.ts';
import { failWith, printJson } from './output.ts';
import { type StoreOptions, usingStore, withCache, withStore } from './store-option.ts';
import { withProgress } from './with-progress.ts';
import { number, type WorkerFlags, workersOf } from './workers-option.ts';

type Flags = StoreOptions &
  WorkerFlags & {
    holes: 'leave' | 'discard';
    delta: 'auto' | 'always' | 'never';
    was?: string;
    grow: Growing;
    shrink?: true;
    newIds?: true;
    hostName?: string;
    newIdentity?: true;
    planOnly?: true;
    plan?: string;
    escrow: boolean;
    partition?: number;
    toPartition?: number;
    member?: true;
    allowShared?: true;
    acceptLost?: true;
    yes?: true;
    json?: true;
  };

/** Adds `restore` to `deploy-os image`. */
export function addVerb(image: Command): void {
  withCache(
    withStore(image.command('restore [name] [target]').description('Write an image onto a disk, and read it back')),
  )
    .addOption(
      new Option('--holes <what>', 'unused ranges of the disk').choices(['discard', 'leave']).default('discard'),
    )
    .addOption(
      new Option('--delta <when>', 'read the disk first and leave what is right; auto: when a sample says it pays')
        .choices(['auto', 'always', 'never'])
        .default('auto'),
    )
    .option('--was <image>', 'what the disk holds now: chunks of it that belong elsewhere are copied on the disk')
    .addOption(
      new Option(
        '--grow <partition[:volume]>',
        'give free space to the `last` partition, to one by its number, or to `none`; in LVM2 to the volume that is named',
      )
        .argParser(parseGrowing)
        .default({ grow: 'none' } satisfies Growing, 'none'),
    )
    .option('--shrink', 'make one file system smaller if the disk is too small for the image (ext, NTFS, Btrfs)')
    .option(
      '--new-ids',
      'give the table and the file systems new ids, for use beside the captured disk; see docs/operations/another-disk.md first',
    )
    .option('--host-name <name>', 'the restored Linux gets this host name')
    .option(
      '--new-identity',
      'the restored Linux gets a machine id and SSH host keys of its own, and its network is no longer tied to the captured machine’s cards',
    )
    .option('--no-escrow', 'do not save what `image undo` would put back')
    .option('--plan-only', 'say what would be written to which disk, and write nothing')
    .option('--plan <file>', 'do exactly what --plan-only --json said, or nothing if anything has changed since')
    .option('--partition <number>', 'only this partition of the image, and nothing else on the disk', number(1, 1024))
    .option(
      '--to-partition <number>',
      'the partition that it goes into (default: the same number); 0 is all of the target',
      number(0, 1024),
    )
    .option('--member', 'overwrite a member of an array as if it were a disk')
    .option('--allow-shared', 'overwrite a disk with a cluster’s file system, which other machines may use')
    .option('--accept-lost', 'restore also an image of which bytes are lost')
    .option('--workers <number>', 'threads (default: as many as cores)', number(1, 64))
    .option('--yes', 'overwrite without asking')
    .option('--json', 'print the result as JSON')
    .action(restore);
}

async function restore(name: string | undefined, disk: string | undefined, flags: Flags): Promise<void> {
  const plan = flags.plan === undefined ? undefined : parsePlan(await readFile(flags.plan, 'utf8'));
  const { partition } = flags;
  if (plan?.format === 'deploy-os-partition-restore-plan') {
    await restoreOne(name, disk, { ...flags, partition: partition ?? plan.partition.from }, plan);
  } else if (partition === undefined) await restoreDisk(name, disk, flags, plan);
  else if (plan === undefined) await restoreOne(name, disk, { ...flags, partition }, undefined);
  else throw new DeployError('usage', 'the plan is for a whole disk, not for a partition');
}

async function restoreDisk(
  name: string | undefined,
  disk: string | undefined,
  flags: Flags,
  plan: RestorePlan | undefined,
): Promise<void> {
  const imageName = nameOf('image', name, plan?.image.name);
  const targetPath = nameOf('target', disk, plan?.target.path);
  if (!flags.yes && !flags.planOnly) await confirmOverwrite(targetPath, imageName);
  const { was, json, holes, delta, grow, shrink = false, newIds = false, escrow, member, acceptLost = false } = flags;
  const allowed = { allowMember: member ?? false, allowShared: flags.allowShared ?? false };
  const { hostName, newIdentity = false } = flags;
  const settings = { newIdentity, ...(hostName === undefined ? {} : { hostName }) };
  const asked = { holes, ...grow, shrink, newIds, ...settings, ...allowed };
  await usingStore(flags, async (store) => {
    const options = {
      ...{ imageName, targetPath, store, delta, escrow, ...workersOf(flags), ...(plan?.write ?? asked) },
      ...{ acceptLost, ...(was === undefined ? {} : { presentImageName: was }) },
      ...(plan === undefined ? {} : { plan }),
    };
    if (flags.planOnly) return show(await planRestore(options), printPlan, json);
    const result = await withProgress((run) => restoreImage({ ...options, ...run }));
    show(result, (restored) => printRestore(restored, targetPath), json);
    failWith(finishError(result));
  });
}

async function restoreOne(
  name: string | undefined,
  disk: string | undefined,
  { plan: _, ...flags }: Flags & { partition: number },
  plan: PartitionPlan | undefined,
): Promise<void> {
  if (flags.shrink) throw new DeployError('usage', '--shrink does not go with --partition');
  if (flags.hostName !== undefined || flags.newIdentity) {
    throw new DeployError('usage', '--host-name and --new-identity do not go with --partition');
  }
  const planned = plan?.partition;
  const toPartition = flags.toPartition ?? planned?.number ?? flags.partition;
  if (planned !== undefined && (flags.partition !== planned.from || toPartition !== planned.number)) {
    const { from, number: to } = planned;
    throw new DeployError('usage', `the plan is for partition ${from} of the image and ${to} of the target`);
  }
  const one: PartitionFlags = { ...flags, toPartition, ...(plan === undefined ? {} : { plan }) };
  await restoreOnePartition(nameOf('image', name, plan?.image.name), nameOf('target', disk, plan?.target.path), one);
}

function nameOf(what: string, given: string | undefined, planned: string | undefined): string {
  const name = given ?? planned;
  if (name === undefined) throw new DeployError('usage', `missing argument '${what}' (or --plan)`);
  if (planned === undefined || name === planned) return name;
  throw new DeployError('usage', `the plan is for the ${what} '${planned}', not '${name}'`);
}

function show<Result>(result: Result, print: (result: Result) => void, json: true | undefined): void {
  if (json) printJson(result);
  else print(result);
}
