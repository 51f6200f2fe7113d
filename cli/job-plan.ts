// `deploy-os job plan`: what a scenario would do on machines, before it does it.
import type { Command } from 'commander';
import { DeployError } from '../protocol/errors.ts';
import { type MachinePlan, type Plan, type PlannedStep, planSchema } from '../protocol/plan.ts';
import { type ConnectOptions, callOnce, withServerOptions } from './connect.ts';
import { describeFinding, formatBytes, printJson } from './output.ts';
import { collectValue } from './parameter-values.ts';

type PlanOptions = ConnectOptions & {
  readonly machine?: string[];
  readonly group?: string;
  readonly set?: Record<string, string>;
  readonly useDamaged?: true;
};

/** Adds `plan` to `deploy-os job`. */
export function addPlanCommand(job: Command): void {
  withServerOptions(
    job
      .command('plan <scenario>')
      .description('Show for each machine what it would do: which disk, what is on it, what would be overwritten'),
  )
    .option('--machine <machine>', 'id or name; several times for several machines', collect)
    .option('--group <group>', 'every machine of this group')
    .option('--set <name=value>', "a value of one of the scenario's parameters", collectValue)
    .option('--use-damaged', 'as `job run --use-damaged` would')
    .action(plan);
}

function collect(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

async function plan(scenario: string, { machine, group, set, useDamaged, ...options }: PlanOptions): Promise<void> {
  if (machine === undefined && group === undefined) throw new DeployError('usage', 'give --machine or --group');
  const body = {
    scenario,
    ...(machine === undefined ? {} : { machines: machine }),
    ...(group === undefined ? {} : { group }),
    ...(set === undefined ? {} : { parameters: set }),
    ...(useDamaged === undefined ? {} : { useDamaged }),
  };
  const planned = await callOnce(options, 'POST', '/v1/plans', planSchema, body);
  if (options.json === true) printJson(planned);
  else process.stdout.write(describePlan(planned));
}

export function describePlan({ scenario, machines }: Plan): string {
  const refused = machines.filter((machine) => machine.refused).length;
  const lines = machines.flatMap(describeMachine);
  const end =
    refused === 0
      ? `Nothing speaks against '${scenario}' on ${machines.length} machine(s). Nothing was done.`
      : `'${scenario}' would be refused on ${refused} of ${machines.length} machine(s). Nothing was done.`;
  return `${printable([...lines, end])}\n`;
}

/** Of one machine, each step with its disk. */
export function describeMachinePlan(plan: MachinePlan): string {
  return `${printable(describeMachine(plan))}\n`;
}

function describeMachine({ machineName, check, refusals, warnings, steps }: MachinePlan): string[] {
  const known =
    check === null ? 'nothing is known of its disks' : `disks as of ${check.at} (${check.kind} ${check.id})`;
  return [
    `${machineName}: ${known}`,
    ...describeNotes({ refusals, warnings }, '  '),
    ...steps.flatMap((step, i) => describeStep(step, i + 1)),
    '',
  ];
}

function describeStep(step: PlannedStep, number: number): string[] {
  const { summary, disk, image, overwrites, findings } = step;
  const lost = { nothing: null, partition: 'overwritten: the partition', disk: 'overwritten: all of the disk' }[
    overwrites
  ];
  const facts = [
    disk === null ? null : `now on it: ${describeContents(disk)}`,
    image === null
      ? null
      : `image: ${formatBytes(image.usedBytes)} used of ${formatBytes(image.sizeBytes)}, of ${image.createdAt}`,
    lost,
  ];
  return [
    `  ${number}. ${summary}`,
    ...facts.filter((fact) => fact !== null).map((fact) => `     ${fact}`),
    ...describeNotes(step, '     '),
    ...findings.map((finding) => `     ${describeFinding(finding).replaceAll('\n', '\n     ')}`),
  ];
}

function describeContents({ map, readError }: NonNullable<PlannedStep['disk']>): string {
  if (map === null) return readError ?? 'not known, since it was not read';
  const parts = map.partitions.map(
    ({ number, fileSystem, label, usedBytes, sizeBytes }) =>
      `${number === 0 ? '' : `${number}: `}${fileSystem ?? 'unknown'}${label === null ? '' : ` '${label}'`} ${formatBytes(usedBytes)} of ${formatBytes(sizeBytes)}`,
  );
  const table = map.table === 'none' ? 'no partition table' : map.table.toUpperCase();
  return [table, ...parts].join('; ');
}

function describeNotes({ refusals, warnings }: Pick<MachinePlan, 'refusals' | 'warnings'>, indent: string): string[] {
  return [
    ...refusals.map(({ code, message }) => `${indent}refused: ${message} (${code})`),
    ...warnings.map(({ code, message }) => `${indent}warning: ${message} (${code})`),
  ];
}

/** Labels and models come from disks: nothing in them steers the terminal. */
function printable(lines: readonly string[]): string {
  return lines.map((line) => line.replaceAll(/(?!\n)[\p{Cc}\p{Zl}\p{Zp}]/gu, '?')).join('\n');
}
