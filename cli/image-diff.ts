// `deploy-os image diff`: what differs between two images.
import type { Command } from 'commander';
import { diffImages, type ImageDiff } from '../imaging/diff.ts';
import { formatBytes, printJson, printTable } from './output.ts';
import { type StoreOptions, usingStore, withStore } from './store-option.ts';
import { withProgress } from './with-progress.ts';

type Flags = StoreOptions & { json?: true; exitCode?: true };

/** Adds `diff` to `deploy-os image`. */
export function addVerb(image: Command): void {
  withStore(image.command('diff <from> <to>').description('Show what differs between two images'))
    .option('--exit-code', 'exit with 1 when they differ; else 0 either way')
    .option('--json', 'print the result as JSON, with every changed extent as [start, length] in bytes')
    .action(run);
}

async function run(from: string, to: string, flags: Flags): Promise<void> {
  const diff = await usingStore(flags, (store) =>
    withProgress((progress) => diffImages({ ...progress, store, from, to })),
  );
  if (flags.json) {
    printJson({ ...diff, changed: diff.changed.map(({ startBytes, lengthBytes }) => [startBytes, lengthBytes]) });
  } else printDiff(diff);
  if (flags.exitCode && !diff.same) process.exitCode = 1;
}

function printDiff(diff: ImageDiff): void {
  const say = (text: string): void => {
    process.stdout.write(`${text}\n`);
  };
  if (diff.same) {
    say(`'${diff.from}' and '${diff.to}' hold the same disk`);
    return;
  }
  for (const [key, [before, after]] of Object.entries(diff.disk)) say(`disk: ${key} ${before} -> ${after}`);
  if (diff.tableChanged) say('the partition tables differ');
  if (diff.partitions.length > 0) {
    printTable(
      ['no.', 'what', 'bytes', 'entries that differ'],
      diff.partitions.map(({ number, what, bytes, fields }) => [
        number === 0 ? 'disk' : String(number),
        what,
        formatBytes(bytes),
        Object.entries(fields)
          .map(([key, [before, after]]) => `${key} ${before} -> ${after}`)
          .join(', '),
      ]),
    );
  }
  const { bytesChanged, bytesAdded, bytesRemoved, changed } = diff;
  say(`${formatBytes(bytesChanged)} changed in ${changed.length} extents`);
  say(`${formatBytes(bytesAdded)} used only in '${diff.to}', ${formatBytes(bytesRemoved)} only in '${diff.from}'`);
}
