// `deploy-os machine disks`: what the server knows of a machine's disks, and how that differs from before.
import type { Command } from 'commander';
import { type DiskCheck, type DiskCheckSummary, diskCheckPageSchema, diskCheckSchema } from '../protocol/disk-check.ts';
import { DeployError } from '../protocol/errors.ts';
import { checksToCsv, checkToCsv } from '../server/disk-checks/check-to-csv.ts';
import { type ConnectOptions, callOnce, connect, withServerOptions } from './connect.ts';
import { diskHeadings, toDiskRows } from './disk-rows.ts';
import { printJson, printTable } from './output.ts';

type Options = ConnectOptions & { readonly csv?: true; readonly history?: true; readonly check?: string };

const pageSize = 200;

/** Adds `disks` to `deploy-os machine`. */
export function addDisksCommand(machine: Command): void {
  withServerOptions(machine.command('disks <machine>'))
    .description('Show its disks as last seen, and what differs from the check before')
    .option('--csv', 'print CSV (RFC 4180), for spreadsheets')
    .option('--history', 'list all checks that are kept, newest first')
    .option('--check <id>', 'an earlier check')
    .action(run);
}

async function run(name: string, options: Options): Promise<void> {
  const { json, csv, history, check } = options;
  if (json === true && csv === true) throw new DeployError('usage', '--json and --csv exclude each other');
  if (history === true && check !== undefined) {
    throw new DeployError('usage', '--history lists checks, --check shows one');
  }
  const path = `/v1/machines/${encodeURIComponent(name)}`;
  if (history === true) return printHistory(await readHistory(path, options), options);
  const which = check === undefined ? '/disks' : `/disk-checks/${encodeURIComponent(check)}`;
  const found = await callOnce(options, 'GET', `${path}${which}`, diskCheckSchema);
  if (json === true) printJson(found);
  else if (csv === true) process.stdout.write(checkToCsv(found));
  else printCheck(name, found);
}

async function readHistory(path: string, options: Options): Promise<DiskCheckSummary[]> {
  const client = await connect(options);
  try {
    const checks: DiskCheckSummary[] = [];
    let next: string | null = null;
    do {
      const query = new URLSearchParams({ limit: String(pageSize), ...(next === null ? {} : { before: next }) });
      const page = await client.call('GET', `${path}/disk-checks?${query}`, diskCheckPageSchema);
      checks.push(...page.checks);
      next = page.next;
    } while (next !== null);
    return checks;
  } finally {
    client.close();
  }
}

function printHistory(checks: readonly DiskCheckSummary[], { json, csv }: Options): void {
  if (json === true) printJson(checks);
  else if (csv === true) process.stdout.write(checksToCsv(checks));
  else {
    printTable(
      ['ID', 'AT', 'KIND', 'JOB', 'DISKS', 'DIFFERENCES'],
      checks.map(({ id, at, kind, jobId, diskCount, differences }) => {
        const [first, ...more] = differences.map(({ message }) => message);
        const told = first === undefined ? '' : `${first}${more.length === 0 ? '' : ` (and ${more.length} more)`}`;
        return [id, at, kind, jobId ?? '', String(diskCount), told];
      }),
    );
  }
}

/** What differs stands first, marked where a person should look. */
function printCheck(name: string, { id, at, kind, jobId, before, differences, disks }: DiskCheck): void {
  const how = kind === 'check' ? `checked by job ${jobId}` : 'as it registered';
  process.stdout.write(`${name}: ${disks.length} disk${disks.length === 1 ? '' : 's'}, ${how}, ${at} (${id})\n`);
  const since = before === null ? '' : `the ${before.kind} of ${before.at} (${before.id})`;
  if (before !== null && differences.length === 0) process.stdout.write(`no difference from ${since}\n`);
  if (differences.length > 0) process.stdout.write(`differences from ${since}:\n`);
  for (const { level, message } of differences) {
    process.stdout.write(`${level === 'warning' ? '!!' : '  '} ${message}\n`);
  }
  process.stdout.write('\n');
  printTable(diskHeadings, disks.flatMap(toDiskRows));
}
