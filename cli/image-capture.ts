// `deploy-os image capture`: the used bytes of a disk into a store.
import type { Command } from 'commander';
import { captureImage } from '../imaging/capture.ts';
import { printCapture } from './image-output.ts';
import { withEncryption } from './key-option.ts';
import { printJson } from './output.ts';
import { type StoreOptions, usingStore, withStore } from './store-option.ts';
import { withProgress } from './with-progress.ts';
import { number, type WorkerFlags, workersOf } from './workers-option.ts';

type Flags = StoreOptions &
  WorkerFlags & {
    parent?: string | false;
    level?: number;
    partition?: number[];
    unpartitioned?: true;
    member?: true;
    allowShared?: true;
    rescue?: true;
    json?: true;
  };

/** Adds `capture` to `deploy-os image`. */
export function addVerb(image: Command): void {
  const verb = image
    .command('capture <source> <name>')
    .description('Capture the used bytes of a disk or disk file as an image');
  withEncryption(withStore(verb).option('--json', 'print the result as JSON'))
    .option('--parent <name>', 'an image of the same disk: what it has is not asked for again (default: the newest)')
    .option('--no-parent', 'start from no other image')
    .option('--level <number>', 'zstd level, 1 (fast, the default) to 19 (small)', number(1, 19))
    .option('--partition <number>', 'only this partition; may be given several times', collectNumbers)
    .option('--unpartitioned', 'also all that lies outside of partitions, not only where something is known to live')
    .option('--member', 'capture a member of an array as if it were a disk')
    .option('--allow-shared', 'capture a disk with a cluster’s file system, which other machines may use')
    .option('--rescue', 'the disk has bad sectors: save what can be read, and keep a list of what is lost')
    .option('--workers <number>', 'threads (default: as many as cores)', number(1, 64))
    .action(capture);
}

function collectNumbers(text: string, before: number[] = []): number[] {
  return [...before, number(1, 1024)(text)];
}

async function capture(disk: string, name: string, flags: Flags): Promise<void> {
  const { parent, level, member = false, rescue = false, unpartitioned = false } = flags;
  const { allowShared = false } = flags;
  const result = await usingStore(
    flags,
    (store) =>
      withProgress((run) =>
        captureImage({
          ...run,
          ...workersOf(flags),
          ...(parent === undefined ? {} : { parentName: parent || null }),
          ...(level === undefined ? {} : { level }),
          ...(flags.partition === undefined ? {} : { partitions: flags.partition }),
          ...{ sourcePath: disk, imageName: name, store, allowMember: member, allowShared, rescue, unpartitioned },
        }),
      ),
    true,
  );
  if (flags.json) printJson(result);
  else printCapture(result);
}
