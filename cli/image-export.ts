// `deploy-os image export`: an image as a raw or qcow2 file, or on stdout.
import { type Command, Option } from 'commander';
import { type ExportFormat, type ExportResult, exportImage } from '../imaging/export.ts';
import { DeployError } from '../protocol/errors.ts';
import { formatBytes, printJson } from './output.ts';
import { type StoreOptions, usingStore, withStore } from './store-option.ts';
import { withProgress } from './with-progress.ts';

type Flags = StoreOptions & { format: ExportFormat; json?: true };

/** Adds `export` to `deploy-os image`. */
export function addVerb(image: Command): void {
  withStore(image.command('export <name> <target>').description('Write an image as a new disk file; - is stdout'))
    .addOption(new Option('--format <format>', 'of the file').choices(['raw', 'qcow2']).default('raw'))
    .option('--json', 'print the result as JSON (not with -)')
    .action(run);
}

async function run(name: string, target: string, flags: Flags): Promise<void> {
  const toStdout = target === '-';
  if (toStdout && process.stdout.isTTY) throw new DeployError('usage', 'a disk is no text: redirect the output');
  if (toStdout && flags.json) throw new DeployError('usage', '--json and the disk cannot both go to the output');
  const place = toStdout ? process.stdout : target;
  const result = await usingStore(flags, (store) =>
    withProgress((progress) =>
      exportImage({ ...progress, imageName: name, store, target: place, format: flags.format }),
    ),
  );
  if (flags.json) printJson(result);
  else if (!toStdout) process.stdout.write(describe(result, target));
}

function describe({ name, format, sizeBytes, bytesWritten, seconds }: ExportResult, target: string): string {
  const written = `${formatBytes(bytesWritten)} for a disk of ${formatBytes(sizeBytes)}`;
  return `'${name}' is in ${target} (${format}): ${written}, ${seconds.toFixed(1)} s\n`;
}
