// `deploy-os job approve|reject`: the second person's word on a job that somebody else asked for.
import type { Command } from 'commander';
import { machinePlanSchema } from '../protocol/plan.ts';
import { type Job, jobSchema } from '../protocol/rest.ts';
import { type ConnectOptions, callOnce, withServerOptions } from './connect.ts';
import { describeMachinePlan } from './job-plan.ts';
import { printJson } from './output.ts';

export function addDecideCommands(job: Command): void {
  withServerOptions(
    job
      .command('approve <job>')
      .description('Agree to a job that another user asked for (deploy-os server --second-person)'),
  )
    .option('--check <check>', "the machine's disk check that you have looked at, by its id (default: the newest)")
    .option('--dry-run', 'show which disks it would write, and agree to nothing')
    .action(approve);
  withServerOptions(job.command('reject <job>').description('End a job that waits for a second person'))
    .requiredOption('--reason <text>', 'why, for whoever asked for it')
    .action(async (id: string, { reason, ...options }: ConnectOptions & { readonly reason: string }) => {
      tell(options, 'rejected', await callOnce(options, 'POST', `${pathOf(id)}/reject`, jobSchema, { reason }));
    });
}

type ApproveOptions = ConnectOptions & { readonly check?: string; readonly dryRun?: true };

/** What is agreed to is what is shown: the disks of the check that the plan rests on. */
async function approve(id: string, { check, dryRun, ...options }: ApproveOptions): Promise<void> {
  const plan = await callOnce(options, 'GET', `${pathOf(id)}/plan`, machinePlanSchema);
  if (options.json !== true) process.stdout.write(describeMachinePlan(plan));
  if (dryRun === true) {
    if (options.json === true) printJson(plan);
    return;
  }
  const looked = check ?? plan.check?.id;
  const body = looked === undefined ? {} : { check: looked };
  tell(options, 'approved', await callOnce(options, 'POST', `${pathOf(id)}/approve`, jobSchema, body));
}

function tell(options: ConnectOptions, done: string, job: Job): void {
  if (options.json === true) printJson(job);
  else process.stdout.write(`${done}: ${job.id} (${job.scenarioName} on ${job.machineName})\n`);
}

function pathOf(id: string): string {
  return `/v1/jobs/${encodeURIComponent(id)}`;
}
