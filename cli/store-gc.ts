// `deploy-os store gc`: frees what no image needs.
import { type Command, InvalidArgumentError } from 'commander';
import type { ChunkStore } from '../imaging/store/chunk-store.ts';
import { collectGarbage, type GarbageResult } from '../imaging/store/collect-garbage.ts';
import { formatBytes, interruptSignal, printJson } from './output.ts';
import { type StoreOptions, usingStore, withStore } from './store-option.ts';

type Flags = StoreOptions & { json?: true; olderThan: number; dryRun?: true };

const defaultHours = 24;
const hourMs = 3_600_000;

/** Adds `gc` to `deploy-os store`. */
export function addVerb(store: Command): void {
  withStore(store.command('gc'))
    .description('Delete the chunks that no image needs; safe beside captures')
    .option('--older-than <hours>', 'spare younger ones: a capture may be about to need them', parseHours, defaultHours)
    .option('--dry-run', 'only count')
    .option('--json', 'print the result as JSON')
    .action(collect);
}

function parseHours(text: string): number {
  const hours = Number(text);
  if (text.trim() === '' || !(hours >= 0)) throw new InvalidArgumentError('hours are wanted, 0 or more');
  return hours;
}

/** What `gc` does unless told otherwise; for verbs that end with it. */
export function runGarbageCollection(store: ChunkStore, signal: AbortSignal): Promise<GarbageResult> {
  return collectGarbage(store, { olderThanMs: defaultHours * hourMs, dryRun: false, signal });
}

async function collect(flags: Flags): Promise<void> {
  const dryRun = flags.dryRun ?? false;
  const options = { olderThanMs: flags.olderThan * hourMs, dryRun, signal: interruptSignal() };
  const result = await usingStore(flags, (store) => collectGarbage(store, options));
  if (flags.json) printJson(result);
  else printGarbage(result, dryRun);
}

export function printGarbage({ chunks, bytes, kept }: GarbageResult, dryRun: boolean): void {
  const did = dryRun ? 'would delete' : 'deleted';
  process.stdout.write(`${did} ${chunks} chunks, ${formatBytes(bytes)}; kept ${kept}\n`);
}
