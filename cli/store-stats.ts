// `deploy-os store stats`: how much a store holds, and with --full what each image costs.
import type { Command } from 'commander';
import { type FullStats, fullStats } from '../imaging/store/full-stats.ts';
import { formatBytes, interruptSignal, printJson, printTable } from './output.ts';
import { type StoreOptions, usingStore, withStore } from './store-option.ts';

type Flags = StoreOptions & { json?: true; full?: true };

/** Adds `stats` to `deploy-os store`. */
export function addVerb(store: Command): void {
  withStore(store.command('stats').description('Count images, chunks and bytes'))
    .option('--full', 'read every index: what is shared, and what deleting each image would free')
    .option('--json', 'print the result as JSON')
    .action(stats);
}

async function stats(flags: Flags): Promise<void> {
  const signal = interruptSignal();
  const full = flags.full ? await usingStore(flags, (store) => fullStats(store, signal)) : null;
  const result = full ?? (await usingStore(flags, (store) => store.stats(signal)));
  if (flags.json) return printJson(result);
  printTable(
    ['images', 'chunks', 'stored'],
    [[String(result.images), String(result.chunks), formatBytes(result.storedBytes)]],
  );
  if (full !== null) printFull(full);
}

function printFull({ logicalBytes, dedupRatio, sharedBytes, unreferencedBytes, perImage, damaged }: FullStats): void {
  const ratio = dedupRatio === null ? 'unknown' : `${dedupRatio.toFixed(1)} to 1`;
  process.stdout.write(
    `${formatBytes(logicalBytes)} used on the disks, stored ${ratio}; shared by images ${formatBytes(sharedBytes)}; needed by none ${formatBytes(unreferencedBytes)}\n\n`,
  );
  printTable(
    ['image', 'used', 'freed if deleted'],
    perImage.map(({ name, usedBytes, uniqueBytes }) => [
      name,
      usedBytes === null ? 'encrypted' : formatBytes(usedBytes),
      formatBytes(uniqueBytes),
    ]),
  );
  for (const place of damaged) process.stdout.write(`damaged, see \`store check\`: ${place}\n`);
}
