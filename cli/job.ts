// `deploy-os job …`: run a scenario on a machine, and see how it goes.
import type { Command } from 'commander';
import { z } from 'zod';
import { DeployError, fromErrorBody } from '../protocol/errors.ts';
import { type Job, jobSchema, logEntrySchema } from '../protocol/rest.ts';
import { askForBatch, printBatch, watchBatch } from './batch.ts';
import { type ConnectOptions, callOnce, connect, withServerOptions } from './connect.ts';
import { addDecideCommands } from './job-decide.ts';
import { addListCommands } from './job-list.ts';
import { addPlanCommand } from './job-plan.ts';
import { addReportCommand } from './job-report.ts';
import { afterEvents } from './live-events.ts';
import { describeFinding, formatBytes, ProgressLine, printJson } from './output.ts';
import { collectValue } from './parameter-values.ts';

/** A watch outlives a server's upgrade. */
const serverAwayMs = 15 * 60 * 1000;

type RunOptions = ConnectOptions & {
  readonly scenario?: string;
  readonly machine?: readonly string[];
  readonly group?: string;
  readonly approve?: string;
  readonly set?: Record<string, string>;
  readonly retries?: number;
  readonly key?: string;
  readonly wake?: true;
  readonly useDamaged?: true;
  readonly watch?: boolean;
};

export function addCommands(program: Command): void {
  const job = program.command('job').description('Jobs: one scenario run on one machine');
  withServerOptions(
    job
      .command('run [scenario] [machines...]')
      .description('Ask for a job on each machine; it starts when the machine is there and approved'),
  )
    .option('--scenario <scenario>', 'id or name')
    .option('--machine <machine>', 'id or name; may be repeated', (name, names: string[] = []) => [...names, name])
    .option('--group <group>', 'every machine of this group')
    .option(
      '--approve <check>',
      "the machine's newest disk check, by its id or as `latest`: the job touches nothing when the disks are others by then",
    )
    .option('--set <name=value>', "a value of one of the scenario's parameters", collectValue)
    .option('--retries <n>', 'how often it is tried again by itself when network, server or a device failed', Number)
    .option('--key <key>', 'asking again with the same key makes nothing new')
    .option('--wake', 'turn the machine on by its power driver, if it is not there')
    .option('--use-damaged', 'restore an image, too, whose last verify found it damaged')
    .option('--watch', 'stay until it has ended')
    .action(run);
  addPlanCommand(job);
  addListCommands(job);
  addDecideCommands(job);
  withServerOptions(job.command('show <job>').description('Show one job with its results and its log')).action(show);
  addReportCommand(job);
  withServerOptions(
    job.command('watch <job>').description('Draw its progress until it has ended, or that of every job of a batch'),
  )
    .option('--batch', 'the id is that of a batch')
    .action((id: string, { batch, ...options }: ConnectOptions & { readonly batch?: boolean }) =>
      batch === true ? watchBatch(id, options) : watch(id, options),
    );
  withServerOptions(
    job.command('retry <job>').description('Ask again for one that failed or was cancelled, in a job of its own'),
  )
    .option('--use-damaged', 'also when an image that it restores was found damaged')
    .action(async (id: string, { useDamaged, ...options }: ConnectOptions & { readonly useDamaged?: true }) => {
      const again = await callOnce(options, 'POST', `${pathOf(id)}/retry`, jobSchema, { useDamaged });
      if (options.json === true) printJson(again);
      else process.stdout.write(`${again.id}\n`);
    });
  withServerOptions(
    job.command('pause <job>').description('Hold it back; when it runs, it stands still between two chunks'),
  ).action((id: string, options: ConnectOptions) => hold(id, 'pause', options));
  withServerOptions(job.command('resume <job>').description('Let a paused job go on where it stands')).action(
    (id: string, options: ConnectOptions) => hold(id, 'resume', options),
  );
  withServerOptions(
    job.command('cancel <job>').description('Stop it; what was begun is left as the error says'),
  ).action(async (id: string, options: ConnectOptions) => {
    const cancelled = await callOnce(options, 'POST', `${pathOf(id)}/cancel`, jobSchema, {});
    if (options.json === true) printJson(cancelled);
    else process.stdout.write(`${cancelled.state === 'cancelled' ? 'cancelled' : 'stopping'}: ${cancelled.id}\n`);
  });
}

async function hold(id: string, verb: 'pause' | 'resume', options: ConnectOptions): Promise<void> {
  const job = await callOnce(options, 'POST', `${pathOf(id)}/${verb}`, jobSchema, {});
  if (options.json === true) printJson(job);
  else process.stdout.write(`${verb === 'pause' ? 'paused' : 'goes on'}: ${job.id}\n`);
}

function pathOf(id: string): string {
  return `/v1/jobs/${encodeURIComponent(id)}`;
}

/** Of several machines, or of a group, the jobs are a batch. */
async function run(named: string | undefined, others: string[], options: RunOptions): Promise<void> {
  // With --scenario the first name is a machine's already.
  const scenario = options.scenario ?? named;
  const first = options.scenario === undefined || named === undefined ? [] : [named];
  const machines = [...first, ...others, ...(options.machine ?? [])];
  if (scenario === undefined) throw new DeployError('usage', 'which scenario?');
  const { group, approve, set, retries, key, wake, useDamaged } = options;
  const asked = { scenario, approve, parameters: set, retries, key, wake, useDamaged };
  if (group !== undefined || machines.length > 1) {
    const batch = await askForBatch(options, {
      ...asked,
      group,
      machines: machines.length === 0 ? undefined : machines,
    });
    return options.watch === true ? watchBatch(batch.id, options) : printBatch(batch, options);
  }
  const [machine] = machines;
  if (machine === undefined) throw new DeployError('usage', 'which machine? Name one, several, or --group');
  const job = await callOnce(options, 'POST', '/v1/jobs', jobSchema, { ...asked, machine });
  if (options.watch === true) {
    process.stderr.write(`job ${job.id}: ${job.scenarioName} on ${job.machineName}\n`);
    return watch(job.id, options);
  }
  if (options.json === true) printJson(job);
  else process.stdout.write(`${job.id}\n`);
}

async function show(id: string, options: ConnectOptions): Promise<void> {
  const client = await connect(options);
  try {
    const job = await client.call('GET', pathOf(id), jobSchema);
    const log = await client.call('GET', `${pathOf(id)}/log`, z.array(logEntrySchema));
    if (options.json === true) return printJson({ ...job, log });
    printJob(job);
    for (const entry of log) process.stdout.write(`${entry.at}  ${entry.level.padEnd(7)}  ${entry.message}\n`);
  } finally {
    client.close();
  }
}

/** Exits as the job ended: 0, or with its error's exit status. */
async function watch(id: string, options: ConnectOptions): Promise<void> {
  const client = await connect(options, serverAwayMs);
  const live = client.listen({ job: id });
  const line = new ProgressLine();
  const read = (): Promise<Job> => client.call('GET', pathOf(id), jobSchema);
  try {
    let job = await read();
    for (let state = ''; ; ) {
      const now = job.waitsFor ?? job.state;
      if (now !== state && job.waitsFor !== null) process.stderr.write(`\nwaiting: ${job.waitsFor}\n`);
      state = now;
      if (job.progress !== null && job.state === 'running') {
        line.update(job.progress.phase, job.progress.bytesDone, job.progress.bytesTotal);
      }
      if (job.endedAt !== null) {
        line.end();
        return report(await read(), options);
      }
      const events = await live.next();
      job = events === null ? await read() : afterEvents(job, events);
    }
  } finally {
    line.end();
    live.close();
    client.close();
  }
}

function report(job: Job, options: ConnectOptions): void {
  if (job.state !== 'succeeded') {
    const error =
      job.error === null ? new DeployError('cancelled', 'cancelled before it began') : fromErrorBody(job.error);
    throw error.during(`job ${job.id} on ${job.machineName} ${job.state}`);
  }
  if (options.json === true) printJson(job);
  else printJob(job);
}

function printJob(job: Job): void {
  process.stdout.write(`${job.id}: ${job.scenarioName} on ${job.machineName}: ${job.state}\n`);
  if (job.waitsFor !== null) process.stdout.write(`  waits: ${job.waitsFor}\n`);
  if (job.error !== null) process.stdout.write(`  ${job.error.code}: ${job.error.message}\n`);
  for (const result of job.results) {
    const seconds = Object.entries(result.secondsByPhase).map(([phase, value]) => `${phase} ${value.toFixed(1)} s`);
    process.stdout.write(`  ${result.kind} ${result.disk?.label ?? ''}: ${seconds.join(', ')}\n`);
    if (result.summary !== undefined) process.stdout.write(`    ${result.summary}\n`);
    for (const [name, value] of Object.entries(result.figures)) {
      process.stdout.write(`    ${name}: ${name.endsWith('Bytes') ? formatBytes(value) : value}\n`);
    }
    for (const finding of result.findings ?? []) process.stdout.write(`    ${describeFinding(finding)}\n`);
    for (const warning of result.warnings) process.stdout.write(`    warning: ${warning}\n`);
  }
}
