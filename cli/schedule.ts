// `deploy-os schedule …`: scenarios by the clock.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import { DeployError } from '../protocol/errors.ts';
import {
  hoursSchema,
  previewRequestSchema,
  previewSchema,
  type Schedule,
  scheduleBodySchema,
  schedulePatchSchema,
  scheduleRunSchema,
  scheduleSchema,
  upcomingSchema,
} from '../protocol/schedule.ts';
import { type ConnectOptions, callOnce, withServerOptions } from './connect.ts';
import { printJson, printTable } from './output.ts';
import { collectValue } from './parameter-values.ts';
import { parseFlags } from './parse-flags.ts';
import { describeWhen, describeWindow, parseWindow } from './schedule-words.ts';

const dayMs = 24 * 3_600_000;

type Flags = ConnectOptions & {
  readonly scenario?: string;
  readonly machine?: readonly string[];
  readonly group?: string;
  readonly set?: Record<string, string>;
  readonly cron?: string;
  readonly at?: string;
  readonly timeZone?: string;
  readonly window?: readonly string[];
  readonly late?: number;
  readonly overlap?: string;
  readonly keep?: boolean;
  readonly keepLast?: number;
  readonly keepDaily?: number;
  readonly keepWeekly?: number;
  readonly keepMonthly?: number;
  readonly keepYearly?: number;
  readonly wake?: boolean;
  readonly name?: string;
};
type UpcomingFlags = ConnectOptions & { readonly days: number };

export function addCommands(program: Command): void {
  const schedule = program.command('schedule').description('Schedules: scenarios by the clock');
  const verb = (text: string, says: string) => withServerOptions(schedule.command(text).description(says));
  verb('list', 'List all schedules with their next times').action(list);
  verb('show <schedule>', 'Show one (id or name), and what became of its times').action(show);
  withFlags(verb('add <name>', 'Make one; --cron or --at says when'))
    .requiredOption('--scenario <scenario>', 'id or name')
    .action(add);
  withFlags(verb('set <schedule>', 'Change it; what is not named stays'))
    .option('--scenario <scenario>', 'another one')
    .option('--name <name>', 'another name')
    .option('--wake', 'turn machines on again')
    .option('--no-keep', 'delete no images any more')
    .action(set);
  verb('enable <schedule>', 'Let it run from now on').action((name: string, options: ConnectOptions) =>
    patch(name, { enabled: true }, options, 'enabled'),
  );
  verb('disable <schedule>', 'Let it rest').action((name: string, options: ConnectOptions) =>
    patch(name, { enabled: false }, options, 'disabled'),
  );
  verb('run <schedule>', 'Run it now, out of turn').action(runNow);
  verb('remove <schedule>', 'Remove it; its jobs and images stay').action(remove);
  verb('upcoming', 'Show when what is due').option('--days <n>', 'how far to look', parseNumber, 7).action(upcoming);
  verb('hours', 'Show the maintenance windows to come')
    .option('--days <n>', 'how far to look', parseNumber, 7)
    .action(hours);
  withTimes(verb('preview', 'Show the next times of what is not saved: --cron or --at'))
    .option('--count <n>', 'how many', parseNumber, 5)
    .action(preview);
}

function withTimes(command: Command): Command {
  return command
    .option('--cron <pattern>', "minute, hour, day, month, weekday: '30 22 * * mon-fri'")
    .option('--time-zone <zone>', 'whose clock is meant (default: that of this computer)')
    .option('--at <time>', 'once: 2026-12-24T22:00, by this computer’s clock unless it ends with Z or an offset')
    .option('--window <hours...>', "jobs begin within these hours only: 'mon-fri 22:00-05:00'; empty: any");
}

function withFlags(command: Command): Command {
  withTimes(command)
    .option('--machine <machine...>', 'on these machines, id or name')
    .option('--group <group>', 'on all machines that are in this group then')
    .option('--set <name=value>', "a value of one of the scenario's parameters", collectValue)
    .option('--late <minutes>', 'a run that was missed is made up for within so many minutes', parseNumber)
    .addOption(new Option('--overlap <what>', 'on a machine whose last job has not ended').choices(['skip', 'queue']))
    .option('--no-wake', 'turn no machines on');
  for (const what of ['last', 'daily', 'weekly', 'monthly', 'yearly']) {
    command.option(`--keep-${what} <n>`, `of its images, as store prune does: ${what}`, parseNumber);
  }
  return command;
}

function parseNumber(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('a whole number is wanted');
}

function pathOf(name: string): string {
  return `/v1/schedules/${encodeURIComponent(name)}`;
}

async function add(name: string, flags: Flags): Promise<void> {
  const body = bodyOf({ ...flags, name });
  requireWhen(body);
  const parsed = parseFlags(scheduleBodySchema, { ...body, wake: flags.wake });
  tell('added', await callOnce(flags, 'POST', '/v1/schedules', scheduleSchema, parsed), flags);
}

function requireWhen({ when }: Record<string, unknown>): void {
  if (when === undefined) throw new DeployError('usage', 'say when: --cron PATTERN or --at TIME');
}

async function set(name: string, flags: Flags): Promise<void> {
  // Commander says `wake: true` of `--no-wake` that is not given.
  const typed = process.argv.includes('--wake') || process.argv.includes('--no-wake');
  const body = { ...bodyOf(flags), ...(typed ? { wake: flags.wake } : {}) };
  const parsed = parseFlags(schedulePatchSchema, flags.keep === false ? { ...body, keep: null } : body);
  await patch(name, parsed, flags, 'changed');
}

async function patch(name: string, body: object, options: ConnectOptions, done: string): Promise<void> {
  tell(done, await callOnce(options, 'PATCH', pathOf(name), scheduleSchema, body), options);
}

/** What was given, and nothing else. */
function bodyOf(flags: Flags): Record<string, unknown> {
  const { name, scenario, machine: machines, group, set: parameters, late: lateMinutes, overlap } = flags;
  const counts = { last: flags.keepLast, daily: flags.keepDaily, weekly: flags.keepWeekly };
  const keep = given({ ...counts, monthly: flags.keepMonthly, yearly: flags.keepYearly });
  const timeZone = flags.timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  const windows = flags.window?.filter((text) => text !== '').map((text) => parseWindow(text, timeZone));
  const kept = Object.keys(keep).length === 0 ? undefined : keep;
  const when = whenOf(flags, timeZone);
  return given({ name, scenario, machines, group, parameters, when, windows, lateMinutes, overlap, keep: kept });
}

function whenOf({ cron, at }: Flags, timeZone: string): object | undefined {
  if (cron !== undefined && at !== undefined) throw new DeployError('usage', 'either --cron or --at');
  if (cron !== undefined) return { kind: 'cron', cron, timeZone };
  if (at === undefined) return undefined;
  const atMs = Date.parse(at);
  if (Number.isNaN(atMs)) throw new DeployError('usage', `--at: '${at}' is no time such as 2026-12-24T22:00`);
  return { kind: 'once', at: new Date(atMs).toISOString() };
}

function given(body: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));
}

function tell(done: string, schedule: Schedule, { json }: ConnectOptions): void {
  const next = schedule.nextDueAt === null ? 'never' : schedule.nextDueAt;
  if (json === true) printJson(schedule);
  else process.stdout.write(`${done}: ${schedule.name} (${schedule.id}), next ${next}\n`);
}

async function list(options: ConnectOptions): Promise<void> {
  const schedules = await callOnce(options, 'GET', '/v1/schedules', z.array(scheduleSchema));
  if (options.json === true) return printJson(schedules);
  printTable(
    ['NAME', 'SCENARIO', 'ON', 'WHEN', 'NEXT', 'ID'],
    schedules.map((schedule) => [
      ...[schedule.name, schedule.scenarioName ?? '(deleted)', targetOf(schedule), describeWhen(schedule.when)],
      ...[schedule.enabled ? (schedule.nextDueAt ?? 'never') : 'disabled', schedule.id],
    ]),
  );
}

function targetOf({ machines, group }: Schedule): string {
  if (group !== null) return `group ${group.name ?? '(removed)'}`;
  const names = (machines ?? []).map(({ id, name }) => name ?? id);
  return names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ');
}

async function show(name: string, options: ConnectOptions): Promise<void> {
  const schedule = await callOnce(options, 'GET', pathOf(name), scheduleSchema);
  const runs = await callOnce(options, 'GET', `${pathOf(schedule.id)}/runs`, z.array(scheduleRunSchema));
  if (options.json === true) return printJson({ ...schedule, runs });
  const keep = Object.entries(schedule.keep ?? {}).map(([what, count]) => `${what} ${count}`);
  printTable(
    ['SCHEDULE', schedule.name],
    [
      ['scenario', schedule.scenarioName ?? '(deleted)'],
      ['on', targetOf(schedule)],
      ['when', describeWhen(schedule.when)],
      ['next', schedule.enabled ? (schedule.nextDueAt ?? 'never') : 'disabled'],
      ['hours', schedule.windows.map(describeWindow).join(', ') || 'any'],
      ['when missed', schedule.lateMinutes === 0 ? 'skipped' : `made up for within ${schedule.lateMinutes} minutes`],
      ['keeps', keep.join(', ') || 'all images'],
      ['wakes', schedule.wake ? 'yes' : 'no'],
      ['saved by', schedule.savedBy],
    ],
  );
  process.stdout.write('\n');
  printTable(
    ['DUE', 'OUTCOME', 'JOBS', 'MESSAGE'],
    runs.map(({ dueAt, outcome, jobIds, message }) => [dueAt, outcome, String(jobIds.length), message]),
  );
}

async function runNow(name: string, options: ConnectOptions): Promise<void> {
  const run = await callOnce(options, 'POST', `${pathOf(name)}/run`, scheduleRunSchema, {});
  if (options.json === true) return printJson(run);
  process.stdout.write(`${run.outcome}: ${run.jobIds.length} jobs${run.message === '' ? '' : `; ${run.message}`}\n`);
}

async function remove(name: string, options: ConnectOptions): Promise<void> {
  await callOnce(options, 'DELETE', pathOf(name), z.undefined());
  if (options.json === true) printJson({ removed: name });
  else process.stdout.write(`removed: ${name}\n`);
}

function spanOf(days: number): URLSearchParams {
  return new URLSearchParams({ to: new Date(Date.now() + days * dayMs).toISOString() });
}

async function upcoming({ days, ...options }: UpcomingFlags): Promise<void> {
  const times = await callOnce(options, 'GET', `/v1/schedules/upcoming?${spanOf(days)}`, upcomingSchema);
  if (options.json === true) return printJson(times);
  printTable(
    ['DUE', 'SCHEDULE'],
    times.map(({ dueAt, scheduleName }) => [dueAt, scheduleName]),
  );
}

async function hours({ days, ...options }: UpcomingFlags): Promise<void> {
  const open = await callOnce(options, 'GET', `/v1/schedules/hours?${spanOf(days)}`, hoursSchema);
  if (options.json === true) return printJson(open);
  printTable(
    ['FROM', 'TO', 'SCHEDULE'],
    open.map(({ from, to, scheduleName }) => [from, to, scheduleName]),
  );
}

async function preview(flags: Flags & { readonly count: number }): Promise<void> {
  const body = bodyOf(flags);
  requireWhen(body);
  const asked = parseFlags(previewRequestSchema, { ...body, count: flags.count });
  const times = await callOnce(flags, 'POST', '/v1/schedules/preview', previewSchema, asked);
  if (flags.json === true) return printJson(times);
  printTable(
    ['DUE', 'JOBS BEGIN'],
    times.map(({ dueAt, beginsAt }) => [dueAt, beginsAt]),
  );
}
