// `deploy-os scenario …`: named recipes that jobs run.
import { type Command, Option } from 'commander';
import { z } from 'zod';
import { describeSelector } from '../protocol/describe-selector.ts';
import { DeployError } from '../protocol/errors.ts';
import { type Scenario, scenarioSchema } from '../protocol/rest.ts';
import { endActionSchema, type Step, scenarioBodySchema } from '../protocol/scenario.ts';
import { type ConnectOptions, callOnce, withServerOptions } from './connect.ts';
import { printJson, printTable } from './output.ts';
import { readStep, type StepFlags, withStepOptions } from './scenario-step.ts';

type CreateOptions = ConnectOptions & StepFlags & { readonly end?: string };

export function addCommands(program: Command): void {
  const scenario = program.command('scenario').description('Scenarios: what a job does on a machine');
  withStepOptions(
    withServerOptions(scenario.command('create <name>').description('Make one: capture, restore or check disks')),
  )
    .addOption(new Option('--end <action>', 'then').choices([...endActionSchema.options]).default('reboot'))
    .action(create);
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

async function create(name: string, options: CreateOptions): Promise<void> {
  const parsed = scenarioBodySchema.safeParse({ name, steps: [readStep(options)], end: options.end });
  if (!parsed.success) throw new DeployError('usage', z.prettifyError(parsed.error));
  const scenario = await callOnce(options, 'POST', '/v1/scenarios', scenarioSchema, parsed.data);
  if (options.json === true) printJson(scenario);
  else process.stdout.write(`created: ${scenario.name} (${scenario.id})\n`);
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
    case 'check':
      return 'check disks';
  }
}
