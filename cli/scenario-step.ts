// The flags of `deploy-os scenario create`, named after those of `image capture` and `image restore`, and the step that they describe.
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { Command, Option } from 'commander';
import { wipeMethods } from '../imaging/wipe/erase-ways.ts';
import { DeployError } from '../protocol/errors.ts';
import { diskSelectorHelp, readSelector } from './disk-selector.ts';
import { type Growing, parseGrowing } from './grow-option.ts';

export type StepFlags = {
  readonly capture?: string;
  readonly restore?: string;
  readonly duplicate?: string;
  readonly check?: boolean;
  readonly wipe?: string;
  readonly pattern?: string;
  readonly script?: string;
  readonly timeout?: string;
  readonly disk?: string[];
  readonly parent?: string;
  readonly level?: string;
  readonly rescue?: true;
  readonly unpartitioned?: true;
  readonly holes?: string;
  readonly delta?: string;
  readonly was?: string;
  readonly grow?: Growing;
  readonly shrink?: true;
  readonly newIds?: true;
  readonly hostName?: string;
  readonly newIdentity?: true;
  readonly partition?: string[];
  readonly toPartition?: string;
  readonly acceptLost?: true;
  readonly member?: true;
  readonly allowShared?: true;
};

export function withStepOptions(command: Command): Command {
  return command
    .option('--capture <image>', 'capture the disk as this image')
    .option('--restore <image>', 'write this image to the disk')
    .option(
      '--duplicate <image>',
      'the same as --restore with --new-ids and --new-identity: one image for many machines',
    )
    .option('--check', 'read what disks there are and report')
    .addOption(
      new Option(
        '--wipe <method>',
        'erase the disk; auto: the strongest way in which it erases itself, else overwritten',
      ).choices(wipeMethods),
    )
    .option(
      '--script <file>',
      'run this shell script in the Deploy-OS, where the server allows it; - is standard input',
    )
    .option('--disk <selector>', diskSelectorHelp, collect)
    .addOption(new Option('--pattern <what>', 'for --wipe: what it is overwritten with').choices(['zeros', 'random']))
    .option('--timeout <seconds>', 'for --script: it is stopped then (default: 600)')
    .option('--parent <image>', 'for --capture: what this image holds already is not sent')
    .option('--level <1-19>', 'for --capture: zstd level')
    .option('--allow-shared', 'the disk may have a cluster’s file system, which other machines may use')
    .option('--rescue', 'for --capture: the disk has bad sectors; save what can be read')
    .option('--unpartitioned', 'for --capture: also all that lies outside of partitions')
    .option('--partition <number>', 'only this partition; for --capture it may be given several times', collect)
    .option('--member', 'the disk may be a member of an array, or a physical volume of LVM as a whole')
    .addOption(new Option('--holes <what>', 'for --restore: unused ranges of the disk').choices(['discard', 'leave']))
    .addOption(
      new Option('--delta <when>', 'for --restore: read the disk first and leave what is right').choices([
        'auto',
        'always',
        'never',
      ]),
    )
    .option('--was <image>', 'for --restore: what the disk holds now')
    .option(
      '--grow <partition[:volume]>',
      'for --restore: give free space to the `last` partition, one by its number, or `none`; in LVM2 to the volume named',
      parseGrowing,
    )
    .option('--shrink', 'for --restore: make one file system smaller if the disk is too small for the image')
    .option('--new-ids', 'for --restore: new ids for the table and the file systems')
    .option(
      '--host-name <name>',
      'for --restore: the restored Linux gets this host name; {machine} is that of the machine',
    )
    .option(
      '--new-identity',
      'for --restore: the restored Linux gets a machine id and SSH host keys of its own, and its network is not tied to the captured machine’s cards',
    )
    .option('--to-partition <number>', 'for --restore --partition: where it goes; 0 is all of the disk')
    .option('--accept-lost', 'for --restore: also an image of which bytes are lost');
}

const captureFlags = ['parent', 'level', 'rescue', 'unpartitioned'] as const;
const restoreFlags = [
  'holes',
  'delta',
  'was',
  'grow',
  'shrink',
  'newIds',
  'hostName',
  'newIdentity',
  'toPartition',
  'acceptLost',
] as const;

/** Whether any flag speaks of a step. */
export function hasStep(flags: object): boolean {
  const known = withStepOptions(new Command()).options.map((option) => option.attributeName());
  return known.some((name) => (flags as Record<string, unknown>)[name] !== undefined);
}

/** The one step that the flags describe, for the schema to check. @throws DeployError usage */
export async function readStep(options: StepFlags): Promise<unknown> {
  const { capture, duplicate, check = false, wipe, script, disk } = options;
  if (duplicate !== undefined && options.restore === undefined) {
    const { duplicate: _, ...rest } = options;
    return readStep({ ...rest, restore: duplicate, newIds: true, newIdentity: true });
  }
  const { restore } = options;
  if (
    [capture, restore, duplicate, check || undefined, wipe, script].filter((given) => given !== undefined).length !== 1
  ) {
    throw new DeployError(
      'usage',
      'give one of --capture IMAGE, --restore IMAGE, --duplicate IMAGE, --check, --wipe METHOD and --script FILE',
    );
  }
  if (wipe === undefined) refuseFlags(options, ['pattern'], '--wipe');
  if (script === undefined) refuseFlags(options, ['timeout'], '--script');
  if (capture === undefined) refuseFlags(options, captureFlags, '--capture');
  if (restore === undefined) refuseFlags(options, restoreFlags, '--restore');
  if (capture !== undefined)
    return { kind: 'capture', source: readSelector(disk), image: capture, ...captureKeys(options) };
  if (restore !== undefined)
    return { kind: 'restore', image: restore, target: readSelector(disk), ...restoreKeys(options) };
  refuseFlags(options, ['partition'], '--capture or --restore');
  if (wipe !== undefined) return { kind: 'wipe', target: readSelector(disk), method: wipe, ...wipeKeys(options) };
  refuseFlags(options, ['member', 'allowShared'], '--capture, --restore or --wipe');
  if (script !== undefined) return { kind: 'script', script: await readScript(script), ...scriptKeys(options) };
  return { kind: 'check' };
}

function captureKeys({ parent, level, rescue, unpartitioned, partition, member, allowShared }: StepFlags) {
  const partitions = partition?.map(Number);
  return given({ parent, level: numberOf(level), rescue, unpartitioned, partitions, member, allowShared });
}

function restoreKeys(flags: StepFlags) {
  const {
    holes,
    delta,
    was,
    grow,
    shrink,
    newIds,
    hostName,
    newIdentity,
    partition = [],
    toPartition,
    acceptLost,
    member,
    allowShared,
  } = flags;
  if (partition.length > 1) throw new DeployError('usage', 'a restore is of one --partition, or of all');
  const numbers = { partition: numberOf(partition[0]), toPartition: numberOf(toPartition) };
  return given({
    holes,
    delta,
    was,
    ...grow,
    shrink,
    newIds,
    hostName,
    newIdentity,
    ...numbers,
    acceptLost,
    member,
    allowShared,
  });
}

function wipeKeys({ pattern, member, allowShared }: StepFlags) {
  return given({ pattern, member, allowShared });
}

function scriptKeys({ timeout }: StepFlags) {
  return given({ timeoutSeconds: numberOf(timeout) });
}

async function readScript(file: string): Promise<string> {
  const read = file === '-' ? text(process.stdin) : readFile(file, 'utf8');
  return await read.catch((cause: unknown) => {
    throw new DeployError('usage', `--script: ${file} cannot be read`, { cause });
  });
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function given(keys: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(keys).filter(([, value]) => value !== undefined));
}

function refuseFlags(options: StepFlags, names: readonly (keyof StepFlags)[], owner: string): void {
  const wrong = names.find((name) => options[name] !== undefined);
  if (wrong === undefined) return;
  const flag = wrong.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new DeployError('usage', `--${flag} goes with ${owner}`);
}

function collect(text: string, before: string[] = []): string[] {
  return [...before, text];
}
