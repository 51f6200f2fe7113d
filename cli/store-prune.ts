// `deploy-os store prune`: deletes old images by a policy.
import { createInterface } from 'node:readline/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { GarbageResult } from '../imaging/store/collect-garbage.ts';
import { type PrunePlan, planPrune, prune } from '../imaging/store/prune-images.ts';
import { checkPolicy, type RetentionPolicy, type RetentionSpan } from '../imaging/store/retention.ts';
import { DeployError } from '../protocol/errors.ts';
import { interruptSignal, printJson, printTable } from './output.ts';
import { printGarbage, runGarbageCollection } from './store-gc.ts';
import { type StoreOptions, usingStore, withStore } from './store-option.ts';

type Flags = StoreOptions & {
  json?: true;
  keepLast?: number;
  keepDaily?: number;
  keepWeekly?: number;
  keepMonthly?: number;
  keepYearly?: number;
  keepWithin?: RetentionSpan;
  match?: string;
  groupBy: 'disk' | 'none';
  dryRun?: true;
  yes?: true;
  gc?: true;
};

const note = `
Of the images of one disk (the same serial number and model; without one the same disk id, else the same source name),
an image stays if any rule keeps it. Days, weeks (from Monday), months and years are those of UTC; of each of the last N
that have images, the newest stays. --keep-within 1y6m2w3d12h counts back from the newest image. The newest always stays.`;

/** Adds `prune` to `deploy-os store`. */
export function addVerb(store: Command): void {
  const command = withStore(store.command('prune')).description(
    'Delete old images by a policy; `store gc` frees their chunks',
  );
  for (const what of ['last', 'daily', 'weekly', 'monthly', 'yearly']) {
    command.option(`--keep-${what} <n>`, what === 'last' ? 'the newest N' : `the newest of each, ${what}`, parseCount);
  }
  command
    .option('--keep-within <time>', 'all that are no older than this before the newest: 30d, 6m, 1y6m', parseSpan)
    .option('--match <glob>', 'only images whose name fits; others are left alone')
    .addOption(new Option('--group-by <what>', 'judge together').choices(['disk', 'none']).default('disk'))
    .option('--dry-run', 'only say what would be deleted')
    .option('--gc', 'then collect garbage')
    .option('--yes', 'delete without asking')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', note)
    .action(run);
}

function parseCount(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('a whole number is wanted');
}

function parseSpan(text: string): RetentionSpan {
  const match = /^(?=.)(?:(\d{1,4})y)?(?:(\d{1,4})m)?(?:(\d{1,4})w)?(?:(\d{1,5})d)?(?:(\d{1,6})h)?$/.exec(text);
  if (match === null) throw new InvalidArgumentError('a time as 30d, 12h, 2w, 6m or 1y6m is wanted');
  const [years = 0, months = 0, weeks = 0, days = 0, hours = 0] = match.slice(1).map((part) => Number(part ?? 0));
  return { years, months, weeks, days, hours };
}

async function run(flags: Flags): Promise<void> {
  const policy = policyOf(flags);
  checkPolicy(policy);
  const { groupBy, match } = flags;
  const dryRun = flags.dryRun ?? false;
  const signal = interruptSignal();
  await usingStore(flags, async (store) => {
    const plan = await planPrune(store, { policy, groupBy, signal, ...(match === undefined ? {} : { match }) });
    if (!flags.json) printPlan(plan);
    const count = plan.groups.reduce((sum, { remove }) => sum + remove.length, 0);
    if (count > 0 && !dryRun) {
      if (!flags.yes) await confirm(count);
      await prune(store, plan, signal);
    }
    const garbage = flags.gc && !dryRun ? await runGarbageCollection(store, signal) : null;
    if (flags.json) printJson({ ...plan, dryRun, garbage });
    else printEnd(count, dryRun, garbage);
  });
}

function policyOf({ keepLast, keepDaily, keepWeekly, keepMonthly, keepYearly, keepWithin }: Flags): RetentionPolicy {
  const counts = { last: keepLast, daily: keepDaily, weekly: keepWeekly, monthly: keepMonthly, yearly: keepYearly };
  const given = Object.entries({ ...counts, within: keepWithin }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as RetentionPolicy;
}

/** Unlike a target disk, which a script had to name, what is deleted here follows from the store: a script has to say yes. */
async function confirm(count: number): Promise<void> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new DeployError('usage', `${count} images would be deleted, and nobody is here to be asked`, {
      hint: 'Add --yes, or --dry-run to look only.',
    });
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`Delete ${count} images? Type yes to go on: `);
  terminal.close();
  if (answer.trim() !== 'yes') throw new DeployError('cancelled', 'nothing was deleted');
}

function printPlan({ groups, unreadable }: PrunePlan): void {
  for (const { group, keep, remove } of groups) {
    process.stdout.write(`${group}: ${keep.length} stay, ${remove.length} go\n`);
    printTable(
      ['', 'image', 'captured', 'because'],
      [
        ...keep.map(({ name, createdAt, reasons }) => ['keep', name, createdAt, reasons.join(', ')]),
        ...remove.map(({ name, createdAt }) => ['delete', name, createdAt, 'no rule keeps it']),
      ],
    );
    process.stdout.write('\n');
  }
  for (const { name, reason } of unreadable)
    process.stdout.write(`keep '${name}', which cannot be judged: ${reason}\n`);
}

function printEnd(count: number, dryRun: boolean, garbage: GarbageResult | null): void {
  process.stdout.write(`${dryRun ? 'would delete' : 'deleted'} ${count} images\n`);
  if (garbage !== null) printGarbage(garbage, false);
  else if (count > 0 && !dryRun) process.stdout.write('`deploy-os store gc` frees the chunks that only they needed\n');
}
