// `deploy-os scenario …`: named recipes that jobs run.
import { type Command, Option } from 'commander';
import { z } from 'zod';
import { DeployError } from '../protocol/errors.ts';
import { type Scenario, scenarioSchema } from '../protocol/rest.ts';
import { type DiskSelector, type Step, scenarioBodySchema } from '../protocol/scenario.ts';
import { type ConnectOptions, callOnce, withServerOptions } from './connect.ts';
import { printJson, printTable } from './output.ts';

type CreateOptions = ConnectOptions & {
  readonly capture?: string;
  readonly restore?: string;
  readonly check?: boolean;
  readonly disk?: string;
  readonly parent?: string;
  readonly level?: string;
  readonly holes?: string;
  readonly end?: string;
};

export function addCommands(program: Command): void {
  const scenario = program.command('scenario').description('Scenarios: what a job does on a machine');
  withServerOptions(scenario.command('create <name>').description('capture, restore or check disks'))
    .option('--capture <image>', 'capture the disk as this image')
    .option('--restore <image>', 'write this image to the disk')
    .option('--check', 'read what disks there are and report')
    .option('--disk <selector>', 'only, serial:X, id:X, wwn:X or number:N')
    .option('--parent <image>', 'for --capture: what this image holds already is not sent')
    .option('--level <1-19>', 'for --capture: zstd level')
    .addOption(new Option('--holes <what>', 'for --restore: unused ranges of the disk').choices(['discard', 'leave']))
    .addOption(new Option('--end <action>', 'then').choices(['reboot', 'poweroff', 'wait']).default('reboot'))
    .action(create);
  withServerOptions(scenario.command('list').description('all scenarios')).action(list);
  withServerOptions(scenario.command('show <scenario>').description('one scenario (id or name)')).action(
    async (name: string, options: ConnectOptions) =>
      printJson(await callOnce(options, 'GET', pathOf(name), scenarioSchema)),
  );
  withServerOptions(scenario.command('delete <scenario>').description('jobs already asked for keep its steps')).action(
    async (name: string, options: ConnectOptions) => {
      await callOnce(options, 'DELETE', pathOf(name), z.undefined());
      if (options.json === true) printJson({ deleted: name });
      else process.stdout.write(`deleted: ${name}\n`);
    },
  );
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

/** The one step that the flags describe. @throws DeployError usage */
export function readStep(options: CreateOptions): Step {
  const { capture, restore, check = false, disk, parent, level, holes } = options;
  if ([capture !== undefined, restore !== undefined, check].filter(Boolean).length !== 1) {
    throw new DeployError('usage', 'give one of --capture IMAGE, --restore IMAGE and --check');
  }
  if (capture === undefined && (parent !== undefined || level !== undefined)) {
    throw new DeployError('usage', '--parent and --level go with --capture');
  }
  if (restore === undefined && holes !== undefined) throw new DeployError('usage', '--holes goes with --restore');
  if (capture !== undefined) {
    const extras = {
      ...(parent === undefined ? {} : { parent }),
      ...(level === undefined ? {} : { level: Number(level) }),
    };
    return { kind: 'capture', source: readSelector(disk), image: capture, ...extras };
  }
  if (restore === undefined) return { kind: 'check' };
  return {
    kind: 'restore',
    image: restore,
    target: readSelector(disk),
    holes: holes === 'leave' ? 'leave' : 'discard',
  };
}

/** A disk is named by what it is; there is no default, so that nobody overwrites one by leaving a word out. */
function readSelector(text: string | undefined): DiskSelector {
  if (text === 'only') return { by: 'only' };
  const [, by, value = ''] = /^(serial|id|wwn|number):(.+)$/.exec(text ?? '') ?? [];
  switch (by) {
    case 'serial':
      return { by, serial: value };
    case 'id':
      return { by, id: value };
    case 'wwn':
      return { by, wwn: value };
    case 'number':
      return { by, number: Number(value) };
    default:
      throw new DeployError('usage', `--disk: ${text === undefined ? 'which disk?' : `'${text}' is no disk`}`, {
        hint: 'only (the machine has one disk), serial:X, id:X, wwn:X or number:N; see deploy-os machine show',
      });
  }
}

function describeSelector(selector: DiskSelector): string {
  switch (selector.by) {
    case 'only':
      return 'the only disk';
    case 'number':
      return `disk ${selector.number}`;
    case 'serial':
      return `the disk with serial ${selector.serial}`;
    case 'id':
      return `disk ${selector.id}`;
    case 'wwn':
      return `the disk with WWN ${selector.wwn}`;
  }
}

function describeStep(step: Step): string {
  switch (step.kind) {
    case 'capture':
      return `capture ${describeSelector(step.source)} as '${step.image}'`;
    case 'restore':
      return `restore '${step.image}' to ${describeSelector(step.target)}`;
    case 'check':
      return 'check disks';
  }
}
