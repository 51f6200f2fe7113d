// `deploy-os image verify`: every chunk of an image is read and checked.
import type { Command } from 'commander';
import { verifyError, verifyImage } from '../imaging/verify.ts';
import { printVerify } from './image-output.ts';
import { failWith, printJson } from './output.ts';
import { type StoreOptions, usingStore, withStore } from './store-option.ts';
import { withProgress } from './with-progress.ts';
import { number, type WorkerFlags, workersOf } from './workers-option.ts';

type Flags = StoreOptions & WorkerFlags & { json?: true };

/** Adds `verify` to `deploy-os image`. */
export function addVerb(image: Command): void {
  withStore(image.command('verify <name>').description('Read every chunk of an image and check it'))
    .option('--json', 'print the result as JSON')
    .option('--workers <number>', 'threads (default: as many as cores)', number(1, 64))
    .action(verify);
}

/** Damage is printed like any result, and then is the command's error; with --json stdout stays one JSON value. */
async function verify(name: string, flags: Flags): Promise<void> {
  const result = await usingStore(flags, (store) =>
    withProgress((run) => verifyImage({ ...run, ...workersOf(flags), imageName: name, store })),
  );
  if (flags.json) printJson(result);
  else printVerify(result);
  failWith(verifyError(result));
}
