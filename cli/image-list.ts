// `deploy-os image list`.
import type { Command } from 'commander';
import { isEscrowName } from '../imaging/manifest/image-name.ts';
import { printImages } from './image-output.ts';
import { printJson } from './output.ts';
import { type StoreOptions, usingStore, withStore } from './store-option.ts';

/** Adds `list` to `deploy-os image`. */
export function addVerb(image: Command): void {
  withStore(image.command('list').description('List the images of a store'))
    .option('--json', 'print the result as JSON')
    .action(list);
}

async function list(flags: StoreOptions & { json?: true }): Promise<void> {
  const stored = await usingStore(flags, (store) => store.listManifests());
  const images = stored.filter(({ name }) => !isEscrowName(name));
  if (flags.json) printJson(images);
  else printImages(images);
}
