// `deploy-os image mount`: an image as files, until Ctrl-C.
import { type Command, InvalidArgumentError } from 'commander';
import { type MountedImage, mountImage } from '../imaging/mount/mount-image.ts';
import { interruptSignal, printJson } from './output.ts';
import { type StoreOptions, usingStore, withStore } from './store-option.ts';

type Flags = StoreOptions & { json?: true; partition?: number; raw?: true };

/** Adds `mount` to `deploy-os image`. */
export function addVerb(image: Command): void {
  withStore(image.command('mount <name> <folder>'))
    .description(
      'Show an image read-only in an empty folder: its disk, its partitions, and the files in them; ends with Ctrl-C',
    )
    .option('--partition <number>', 'only this partition', partitionNumber)
    .option('--raw', 'only the disk and its partitions as files, without mounting their file systems')
    .option('--json', 'print what was mounted where as JSON, once it is')
    .action(mountAndWait);
}

function partitionNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && text !== '') return value;
  throw new InvalidArgumentError('the number of a partition is wanted, as `image show` lists it');
}

async function mountAndWait(name: string, folder: string, flags: Flags): Promise<void> {
  const signal = interruptSignal();
  await usingStore(flags, async (store) => {
    const mounted = await mountImage({
      ...{ imageName: name, directory: folder, store, signal, raw: flags.raw ?? false },
      ...(flags.partition === undefined ? {} : { partition: flags.partition }),
      onWarning: (message) => process.stderr.write(`warning: ${message}\n`),
    });
    if (flags.json) printJson(describe(mounted));
    else printMounted(mounted);
    process.stderr.write(`mounted, Ctrl-C to unmount (or: umount -R ${folder})\n`);
    const stopped = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve());
    });
    await Promise.race([stopped, mounted.ended]);
    await mounted.unmount();
  });
}

function describe({ name, rootDigest, disk, partitions }: MountedImage) {
  return { name, rootDigest, disk, partitions };
}

function printMounted({ disk, partitions }: MountedImage): void {
  const lines = partitions.map(({ number, fileSystem, directory, driver, why }) => {
    const what = number === 0 ? 'disk' : `partition ${number}`;
    return directory === null ? `${what}: not mounted: ${why}` : `${what}: ${fileSystem} by ${driver} on ${directory}`;
  });
  process.stdout.write(`${[disk, ...lines].join('\n')}\n`);
}
