// `deploy-os image show`: what an image holds, and what a server knows of checks of it.
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { loadManifest } from '../imaging/manifest/load-image.ts';
import type { ImageDetails } from '../protocol/image.ts';
import { printHealth, printManifest } from './image-output.ts';
import { printJson } from './output.ts';
import { type StoreOptions, usingStore, withStore } from './store-option.ts';

type Flags = StoreOptions & { json?: true };

/** Adds `show` to `deploy-os image`. */
export function addVerb(image: Command): void {
  withStore(image.command('show <name>').description('Show what an image holds'))
    .option('--json', 'print the result as JSON')
    .action(show);
}

async function show(name: string, flags: Flags): Promise<void> {
  const manifest = await usingStore(flags, (store) => loadManifest(store, name));
  const known = await askKnown(name, flags);
  if (flags.json) printJson(known === null ? manifest : { ...manifest, health: known.health });
  else printManifest(manifest);
  if (!flags.json && known !== null) printHealth(known);
}

/** What a server knows of checks of it; null of any other store. */
async function askKnown(name: string, { store, token, ca }: Flags): Promise<ImageDetails | null> {
  if (!store.startsWith('https://') || token === undefined || ca === undefined) return null;
  const [{ callWith }, { imageDetailsSchema }, { fingerprintOf }] = await Promise.all([
    import('./connect.ts'),
    import('../protocol/image.ts'),
    import('../server/tls/fingerprint.ts'),
  ]);
  const caFingerprint = ca.startsWith('sha256:') ? ca : fingerprintOf(await readFile(ca, 'utf8'));
  const access = { url: store, caFingerprint, token };
  return await callWith(access, 'GET', `/v1/images/${encodeURIComponent(name)}`, imageDetailsSchema);
}
