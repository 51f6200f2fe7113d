// `deploy-os scenario …`: named recipes that jobs run.
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { type Command, Option } from 'commander';
import { z } from 'zod';
import { describeSelector } from '../protocol/describe-selector.ts';
import { DeployError } from '../protocol/errors.ts';
import type { Parameter } from '../protocol/parameters.ts';
import { type Scenario, scenarioSchema } from '../protocol/rest.ts';
import { endActionSchema, type Step } from '../protocol/scenario.ts';
import { scenarioBodySchema } from '../protocol/scenario-body.ts';
import { type ConnectOptions, callOnce, withServerOptions } from './connect.ts';
import { printJson, printTable } from './output.ts';
import { hasStep, readStep, type StepFlags, withStepOptions } from './scenario-step.ts';

type WholeFlags = {
  readonly end?: string;
  readonly parameter?: Parameter[];
  readonly file?: string;
};
type CreateOptions = ConnectOptions & StepFlags & WholeFlags;
type EditOptions = CreateOptions & { readonly rename?: string };

export function addCommands(program: Command): void {
  const scenario = program.command('scenario').description('Scenarios: what a job does on a machine');
  withWholeOptions(
    scenario.command('create <name>').description('Make one of one step by flags, or of several by --file'),
  ).action(create);
  withWholeOptions(
    scenario
      .command('edit <scenario>')
      .description('Change what is given, and leave the rest; jobs already asked for keep its steps'),
  )
    .option('--rename <name>', 'its new name')
    .action(edit);
  withServerOptions(scenario.command('list').description('List all scenarios')).action(list);
  withServerOptions(scenario.command('show <scenario>').description('Show one scenario (id or name)')).action(
    async (name: string, options: ConnectOptions) =>
      printJson(await callOnce(options, 'GET', pathOf(name), scenarioSchema)),
  );
  withServerOptions(
    scenario.command('delete <scenario>').description('Delete it; jobs already asked for keep its steps'),
  ).action(async (name: string, options: ConnectOptions) => {
    await callOnce(options, 'DELETE', pathOf(name), z.undefined());
    if (options.json === true) printJson({ deleted: name });
    else process.stdout.write(`deleted: ${name}\n`);
  });
}

function pathOf(name: string): string {
  return `/v1/scenarios/${encodeURIComponent(name)}`;
}

function withWholeOptions(command: Command): Command {
  return withStepOptions(withServerOptions(command))
    .option('--file <file>', 'JSON with `steps`, and `parameters` and `end` if wanted; - is standard input')
    .option(
      '--parameter <name[=default]>',
      'what a job gives a value for; in names of images it stands as {name}; several times for several',
      collectParameter,
    )
    .addOption(new Option('--end <action>', 'then (default: reboot)').choices([...endActionSchema.options]));
}

function collectParameter(text: string, before: readonly Parameter[] = []): Parameter[] {
  const [, name = text, value] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  return [...before, value === undefined ? { name } : { name, default: value }];
}

async function create(name: string, options: CreateOptions): Promise<void> {
  const parts = await readParts(options);
  if (parts.steps === undefined) await readStep(options);
  const parsed = scenarioBodySchema.safeParse({ ...parts, name });
  if (!parsed.success) throw new DeployError('usage', z.prettifyError(parsed.error));
  const scenario = await callOnce(options, 'POST', '/v1/scenarios', scenarioSchema, parsed.data);
  if (options.json === true) printJson(scenario);
  else process.stdout.write(`created: ${scenario.name} (${scenario.id})\n`);
}

async function edit(name: string, { rename, ...options }: EditOptions): Promise<void> {
  const parts = await readParts(options);
  const patch = { ...parts, ...(rename === undefined ? {} : { name: rename }) };
  if (Object.keys(patch).length === 0) throw new DeployError('usage', 'say what is to be changed (--help)');
  const scenario = await callOnce(options, 'PATCH', pathOf(name), scenarioSchema, patch);
  if (options.json === true) printJson(scenario);
  else process.stdout.write(`changed: ${scenario.name} (${scenario.id})\n`);
}

/** What the flags say of a scenario but its name, for the schema to check. @throws DeployError usage */
async function readParts({ file, parameter, end, ...flags }: CreateOptions): Promise<Record<string, unknown>> {
  const given = {
    ...(parameter === undefined ? {} : { parameters: parameter }),
    ...(end === undefined ? {} : { end }),
  };
  const step = hasStep(flags) ? await readStep(flags) : undefined;
  if (file === undefined) return { ...given, ...(step === undefined ? {} : { steps: [step] }) };
  if (step !== undefined) throw new DeployError('usage', 'steps come from --file or from flags, not from both');
  // As `scenario show` prints it: what only the server gives is left out.
  const { name: _, id: __, createdAt: ___, updatedAt: ____, ...parts } = await readJson(file);
  return { ...parts, ...given };
}

async function readJson(file: string): Promise<Record<string, unknown>> {
  const read = file === '-' ? text(process.stdin) : readFile(file, 'utf8');
  const content = await read.catch((cause: unknown) => {
    throw new DeployError('usage', `--file: ${file} cannot be read`, { cause });
  });
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(content));
  } catch (cause) {
    throw new DeployError('usage', `--file: ${file} is no JSON object`, { cause });
  }
}

async function list(options: ConnectOptions): Promise<void> {
  const scenarios = await callOnce(options, 'GET', '/v1/scenarios', z.array(scenarioSchema));
  if (options.json === true) return printJson(scenarios);
  printTable(
    ['ID', 'NAME', 'STEPS', 'END'],
    scenarios.map((scenario: Scenario) => [
      scenario.id,
      scenario.name,
      scenario.steps.map(describeStep).join(', then '),
      scenario.end,
    ]),
  );
}

function describeStep(step: Step): string {
  switch (step.kind) {
    case 'capture': {
      const what = step.partitions === undefined ? '' : `partition ${step.partitions.join(', ')} of `;
      return `capture ${what}the disk with ${describeSelector(step.source)} as '${step.image}'`;
    }
    case 'restore': {
      const { partition, toPartition = partition } = step;
      const what = partition === undefined ? '' : `partition ${partition} of `;
      const into = partition === undefined || toPartition === 0 ? '' : `partition ${toPartition} of `;
      return `restore ${what}'${step.image}' to ${into}the disk with ${describeSelector(step.target)}`;
    }
    case 'wipe':
      return `wipe the disk with ${describeSelector(step.target)} (${step.method})`;
    case 'script':
      return 'run a script';
    case 'check':
      return 'check disks';
  }
}
