// `deploy-os image delete`.
import type { Command } from 'commander';
import { printJson } from './output.ts';
import { type StoreOptions, usingStore, withStore } from './store-option.ts';

/** Adds `delete` to `deploy-os image`. */
export function addVerb(image: Command): void {
  withStore(image.command('delete <name>').description('Delete an image; `store gc` frees its chunks'))
    .option('--json', 'print the result as JSON')
    .action(remove);
}

async function remove(name: string, flags: StoreOptions & { json?: true }): Promise<void> {
  await usingStore(flags, (store) => store.deleteManifest(name));
  if (flags.json) printJson({ deleted: name });
}
