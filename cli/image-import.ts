// `deploy-os image import`: disk files and images of other kinds become images here.
import { type Command, Option } from 'commander';
import { type ImportFormat, importFormats, importImage } from '../imaging/import.ts';
import { printCapture } from './image-output.ts';
import { withEncryption } from './key-option.ts';
import { printJson } from './output.ts';
import { type StoreOptions, usingStore, withStore } from './store-option.ts';
import { withProgress } from './with-progress.ts';

type Flags = StoreOptions & { format?: ImportFormat; scratch?: string; unpartitioned?: true; json?: true };

/** Adds `import` to `deploy-os image`. */
export function addVerb(image: Command): void {
  withEncryption(
    withStore(
      image
        .command('import <source> <name>')
        .description(
          'Make an image of a raw, qcow2 or partclone file (also split and compressed), or a folder of Clonezilla’s or FOG’s; - is stdin',
        ),
    ),
  )
    .addOption(
      new Option('--format <format>', 'of the source (default: what its first bytes say)').choices(importFormats),
    )
    .option('--scratch <folder>', 'where to unpack, with room for the used bytes (default: the system’s, TMPDIR)')
    .option('--unpartitioned', 'also all that lies outside of partitions, as for `image capture`')
    .option('--json', 'print the result as JSON')
    .action(run);
}

async function run(source: string, name: string, flags: Flags): Promise<void> {
  const { format, scratch, unpartitioned = false } = flags;
  const result = await usingStore(
    flags,
    (store) =>
      withProgress((progress) =>
        importImage({
          ...progress,
          ...(format === undefined ? {} : { format }),
          ...(scratch === undefined ? {} : { scratchFolder: scratch }),
          ...{ source: source === '-' ? process.stdin : source, imageName: name, store, unpartitioned },
        }),
      ),
    true,
  );
  if (flags.json) printJson(result);
  else printCapture(result);
}
