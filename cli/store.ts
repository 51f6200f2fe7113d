// `deploy-os store …`: stats, check, garbage collection, prune.
import type { Command } from 'commander';
import { formatBytes, printJson, printTable } from './output.ts';
import { addCheckCommand } from './store-check.ts';
import { addGarbageCommand } from './store-gc.ts';
import { type StoreOptions, usingStore, withStore } from './store-option.ts';
import { addPruneCommand } from './store-prune.ts';

type Flags = StoreOptions & { json?: true };

export function addCommands(program: Command): void {
  const store = program.command('store').description('Look after an image store');
  withStore(store.command('stats').description('Count images, chunks and bytes'))
    .option('--json', 'print the result as JSON')
    .action(stats);
  addCheckCommand(store);
  addGarbageCommand(store);
  addPruneCommand(store);
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
