// `deploy-os job approve|reject`: the second person's word on a job that somebody else asked for.
import type { Command } from 'commander';
import { type Job, jobSchema } from '../protocol/rest.ts';
import { type ConnectOptions, callOnce, withServerOptions } from './connect.ts';
import { printJson } from './output.ts';

export function addDecideCommands(job: Command): void {
  withServerOptions(
    job
      .command('approve <job>')
      .description('Agree to a job that another user asked for (deploy-os server --second-person)'),
  )
    .option('--check <check>', "the machine's disk check that you have looked at, by its id (default: the newest)")
    .action(async (id: string, { check, ...options }: ConnectOptions & { readonly check?: string }) => {
      const body = check === undefined ? {} : { check };
      tell(options, 'approved', await callOnce(options, 'POST', `${pathOf(id)}/approve`, jobSchema, body));
    });
  withServerOptions(job.command('reject <job>').description('End a job that waits for a second person'))
    .requiredOption('--reason <text>', 'why, for whoever asked for it')
    .action(async (id: string, { reason, ...options }: ConnectOptions & { readonly reason: string }) => {
      tell(options, 'rejected', await callOnce(options, 'POST', `${pathOf(id)}/reject`, jobSchema, { reason }));
    });
}

function tell(options: ConnectOptions, done: string, job: Job): void {
  if (options.json === true) printJson(job);
  else process.stdout.write(`${done}: ${job.id} (${job.scenarioName} on ${job.machineName})\n`);
}

function pathOf(id: string): string {
  return `/v1/jobs/${encodeURIComponent(id)}`;
}
