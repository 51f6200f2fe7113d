// `deploy-os job list` and `job export`: which jobs there are, for a person, a spreadsheet or a script.
import { type Command, Option } from 'commander';
import { z } from 'zod';
import { DeployError } from '../protocol/errors.ts';
import { type Job, jobSchema } from '../protocol/rest.ts';
import { jobsToCsv } from '../server/jobs/jobs-to-csv.ts';
import { type ConnectOptions, connect, withServerOptions } from './connect.ts';
import { printJson, printTable } from './output.ts';

const pageLength = 1000;
const shownUnlessTold = 500;

type Filter = {
  readonly machine?: string;
  readonly group?: string;
  readonly batch?: string;
  readonly state?: string;
  readonly since?: string;
  readonly waiting?: boolean;
};
type ListOptions = ConnectOptions & Filter & { readonly limit?: number; readonly csv?: boolean };

export function addListCommands(job: Command): void {
  withFilter(withServerOptions(job.command('list').description('List the newest jobs, newest last')))
    .option('--limit <n>', `at most so many (${shownUnlessTold})`, Number)
    .action(list);
  withFilter(withServerOptions(job.command('export').description('Print all jobs that fit, as CSV or JSON')))
    .addOption(new Option('--csv', 'a row for each job (unless --json)').conflicts('json'))
    .action(exportJobs);
}

function withFilter(command: Command): Command {
  return command
    .option('--machine <machine>', 'only of this machine')
    .option('--group <group>', 'only of machines of this group')
    .option('--batch <batch>', 'only of this batch')
    .option('--state <state>', 'only queued, running, succeeded, failed or cancelled')
    .option('--waiting', 'only those that wait for a second person')
    .option('--since <time>', 'only what was asked for since then: 2026-11-28, or with a time of day');
}

async function list({ limit = shownUnlessTold, ...options }: ListOptions): Promise<void> {
  const jobs = await readJobs(options, limit);
  if (options.json === true) return printJson(jobs);
  printTable(
    ['ID', 'SCENARIO', 'MACHINE', 'STATE', 'CREATED', 'ENDED', 'ERROR'],
    jobs.map((job) => [
      job.id,
      job.scenarioName,
      job.machineName,
      job.held === null ? job.state : `${job.state} (${job.held})`,
      job.createdAt,
      job.endedAt ?? '',
      job.error?.code ?? '',
    ]),
  );
}

async function exportJobs(options: ListOptions): Promise<void> {
  const jobs = await readJobs(options, Number.POSITIVE_INFINITY);
  if (options.json === true) printJson(jobs);
  else process.stdout.write(jobsToCsv(jobs));
}

/** The newest of them, page by page, newest last. */
async function readJobs({ since, ...options }: ListOptions, limit: number): Promise<Job[]> {
  const client = await connect(options);
  const { machine, group, batch, state, waiting = false } = options;
  const held = waiting ? 'second-person' : undefined;
  const time = since === undefined ? undefined : parseTime(since);
  const filter = Object.entries({ machine, group, batch, state, held, since: time }).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  let jobs: Job[] = [];
  try {
    for (;;) {
      const wanted = Math.min(pageLength, limit - jobs.length);
      const query = new URLSearchParams([...filter, ['limit', String(wanted)]]);
      if (jobs[0] !== undefined) query.set('before', jobs[0].id);
      const page = await client.call('GET', `/v1/jobs?${query}`, z.array(jobSchema));
      jobs = [...page, ...jobs];
      if (page.length < wanted || jobs.length >= limit) return jobs;
    }
  } finally {
    client.close();
  }
}

function parseTime(text: string): string {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) throw new DeployError('usage', `--since: '${text}' is no time`);
  return time.toISOString();
}
