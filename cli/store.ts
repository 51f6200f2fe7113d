// `deploy-os store …`: stats, check and garbage collection.
import type { Command } from 'commander';
import { type CheckStoreResult, checkStore } from '../imaging/store/check-store.ts';
import { collectGarbage } from '../imaging/store/collect-garbage.ts';
import { openDirectoryStore } from '../imaging/store/directory-store.ts';
import { DeployError } from '../protocol/errors.ts';
import { failWith, formatBytes, interruptSignal, ProgressLine, printJson, printTable } from './output.ts';
import { type StoreOptions, usingStore, withStore } from './store-option.ts';

type Flags = StoreOptions & { json?: true };

export function addCommands(program: Command): void {
  const store = program.command('store').description('Look after an image store');
  const verb = (usage: string, text: string) =>
    withStore(store.command(usage).description(text)).option('--json', 'print the result as JSON');
  verb('stats', 'Count images, chunks and bytes').action(stats);
  verb('check', 'Read everything in a directory store and name what is damaged or missing').action(check);
  verb('gc', 'Delete the chunks of a directory store that no image needs')
    .option('--older-than <hours>', 'spare younger ones: a capture may be about to need them', '24')
    .option('--dry-run', 'only count')
    .action(collect);
}

async function stats(flags: Flags): Promise<void> {
  const result = await usingStore(flags, (store) => store.stats());
  if (flags.json) printJson(result);
  else
    printTable(
      ['images', 'chunks', 'stored'],
      [[String(result.images), String(result.chunks), formatBytes(result.storedBytes)]],
    );
}

async function check(flags: Flags): Promise<void> {
  const store = await openDirectoryStore(flags.store, { create: false });
  const line = new ProgressLine();
  const signal = interruptSignal();
  const result = await checkStore(store, {
    signal,
    onProgress: (p) => line.update(p.phase, p.bytesDone, p.bytesTotal),
  }).finally(() => line.end());
  if (flags.json) printJson(result);
  else {
    for (const { code, message } of result.problems) process.stdout.write(`${code} ${message}\n`);
    const { images, chunks, unreferenced, temporaryFiles, problems } = result;
    printTable(
      ['images', 'chunks', 'unreferenced', 'left over', 'problems'],
      [[images, chunks, unreferenced, temporaryFiles, problems.length].map(String)],
    );
  }
  failWith(storeError(store.label, result));
}

function storeError(label: string, { problems: [first] }: CheckStoreResult): DeployError | null {
  if (first === undefined) return null;
  return new DeployError(first.code, `the store ${label} is damaged: ${first.message}`, {
    hint: 'Restore what is named above from the store’s backup, or capture those images again.',
  });
}

async function collect(flags: Flags & { olderThan: string; dryRun?: true }): Promise<void> {
  const hours = Number(flags.olderThan);
  if (!(hours >= 0)) throw new DeployError('usage', `--older-than wants hours, not '${flags.olderThan}'`);
  const store = await openDirectoryStore(flags.store, { create: false });
  const result = await collectGarbage(store, {
    olderThanMs: hours * 3_600_000,
    dryRun: flags.dryRun ?? false,
    signal: interruptSignal(),
  });
  if (flags.json) printJson(result);
  else {
    const did = flags.dryRun ? 'would delete' : 'deleted';
    process.stdout.write(`${did} ${result.chunks} chunks, ${formatBytes(result.bytes)}; kept ${result.kept}\n`);
  }
}
