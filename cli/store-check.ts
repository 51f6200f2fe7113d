// `deploy-os store check`: reads a store, or a part of it, and says what is damaged, where that hurts, and what to do.
import { type Command, InvalidArgumentError } from 'commander';
import type { SealingKeys } from '../imaging/crypt/data-key.ts';
import { unlockDataKey } from '../imaging/crypt/unlock.ts';
import type { ChunkUse, StoreProblem } from '../imaging/store/check-report.ts';
import type { CheckStoreResult, StorePart } from '../imaging/store/check-request.ts';
import { checkStore } from '../imaging/store/check-store.ts';
import type { ChunkStore } from '../imaging/store/chunk-store.ts';
import { DeployError } from '../protocol/errors.ts';
import { isKeyGiven, requireSecret } from './key-option.ts';
import { failWith, formatBytes, printJson, printTable } from './output.ts';
import { type StoreOptions, usingSealedStore, withStore } from './store-option.ts';
import { withProgress } from './with-progress.ts';

type Flags = StoreOptions & { json?: true; repair?: true; sample?: StorePart; part?: StorePart };

/** Adds `check` to `deploy-os store`. */
export function addVerb(store: Command): void {
  withStore(store.command('check'))
    .description('Read everything in a store and name what is damaged or missing, with all that it touches')
    .option('--repair', 'move damaged chunks aside: the next capture of the same content sends them anew')
    .option('--sample <percent>', 'read so much of it, another part each time; look for all of it', parseSample)
    .option('--part <k/n>', 'read the k-th of n equal parts, as 3/7 on Wednesdays; look for all of it', parsePart)
    .option('--json', 'print the result as JSON')
    .action(check);
}

function parseSample(text: string): StorePart {
  const percent = Number(text);
  if (!(percent > 0 && percent <= 100)) throw new InvalidArgumentError('more than 0 and at most 100 is wanted');
  const from = Math.random() * (1 - percent / 100);
  return { from, to: from + percent / 100 };
}

function parsePart(text: string): StorePart {
  const [, k = 0, n = 0] = (/^(\d{1,4})\/(\d{1,4})$/.exec(text) ?? []).map(Number);
  if (k < 1 || k > n) throw new InvalidArgumentError('K/N is wanted, as 1/7');
  return { from: (k - 1) / n, to: k / n };
}

async function check(flags: Flags): Promise<void> {
  if (flags.sample !== undefined && flags.part !== undefined) {
    throw new DeployError('usage', '--sample and --part cannot be given together');
  }
  const part = flags.part ?? flags.sample;
  const result = await usingSealedStore(flags, async (store) => {
    const keys = await openKeys(store, flags);
    return withProgress((run) =>
      checkStore(store, { ...run, ...keys, repair: flags.repair ?? false, ...(part === undefined ? {} : { part }) }),
    );
  });
  if (flags.json) printJson(result);
  else print(result);
  failWith(verdict(flags.store, result));
}

/** Nobody is asked for a key: without one, decay is found all the same. */
async function openKeys(store: ChunkStore, flags: Flags): Promise<{ keys?: SealingKeys }> {
  if (!isKeyGiven(flags)) return {};
  return { keys: (await unlockDataKey(store, await requireSecret(flags, 'to check with'))).keys };
}

function print(result: CheckStoreResult): void {
  const { images, chunks, checkedChunks, unreferenced, temporaryFiles, problemCount } = result;
  for (const problem of result.problems) printProblem(problem);
  if (result.damagedImages.length > 0) {
    process.stdout.write('\n');
    printTable(
      ['damaged image', 'captured from', 'serial', 'places', 'lost'],
      result.damagedImages.map(({ name, source, chunks: places, lostBytes }) => [
        name,
        source.label,
        source.serial ?? '-',
        String(places),
        formatBytes(lostBytes),
      ]),
    );
    process.stdout.write('\n');
  }
  for (const name of result.wholeAgain) process.stdout.write(`whole again: '${name}'\n`);
  printTable(
    ['images', 'chunks', 'read', 'unreferenced', 'left over', 'problems'],
    [[images, chunks, checkedChunks, unreferenced, temporaryFiles, problemCount].map(String)],
  );
}

function printProblem({ code, message, uses, setAside }: StoreProblem): void {
  process.stdout.write(`${code} ${message}${setAside ? ' (moved aside)' : ''}\n`);
  for (const use of uses) printUse(use);
}

function printUse({ image, places, placeCount }: ChunkUse): void {
  for (const { offsetBytes, lengthBytes, partitions } of places) {
    const inside = partitions.filter((number) => number > 0);
    const where = inside.length === 0 ? '' : `, partition ${inside.join(' and ')}`;
    process.stdout.write(`  '${image}': bytes ${offsetBytes} to ${offsetBytes + lengthBytes - 1}${where}\n`);
  }
  if (placeCount > places.length) process.stdout.write(`  '${image}': ${placeCount - places.length} more places\n`);
}

function verdict(label: string, { problems, problemCount, damagedImages }: CheckStoreResult): DeployError | null {
  const [first] = problems;
  if (first === undefined) return null;
  const more = problemCount > 1 ? ` (and ${problemCount - 1} more)` : '';
  const names = damagedImages.slice(0, 5).map(({ name }) => `'${name}'`);
  const recapture =
    names.length === 0 ? '' : `, then capture the sources of ${names.join(', ')} again (under other names)`;
  return new DeployError(first.code, `the store ${label} is damaged: ${first.message}${more}`, {
    hint: `Restore what is named above from the store’s backup; or run \`deploy-os store check --repair\`${recapture}: where they still hold the same content, the damaged images become whole, and another check says so.`,
  });
}
