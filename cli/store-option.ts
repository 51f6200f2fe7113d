// The options by which every verb names its store.
import type { Command } from 'commander';
import { Option } from 'commander';
import { openCachedStore } from '../imaging/store/chunk-cache.ts';
import type { ChunkStore } from '../imaging/store/chunk-store.ts';
import { openEncryptedStore } from '../imaging/store/encrypted-store.ts';
import { openStore } from '../imaging/store/open-store.ts';
import { findSecret, type KeyFlags, wantsEncryption, withKey } from './key-option.ts';
import { number } from './workers-option.ts';

export type StoreOptions = KeyFlags & {
  store: string;
  token?: string;
  ca?: string;
  cache?: string;
  cacheSize?: number;
};

/** Adds --store, --token, --ca, --key-file and --passphrase-file, each with its environment variable. */
export function withStore(command: Command): Command {
  return withKey(command)
    .addOption(
      new Option(
        '--store <place>',
        'directory, s3://BUCKET/PREFIX, s3+https://HOST/BUCKET/PREFIX, or https://HOST:PORT of a server',
      )
        .env('DEPLOY_OS_STORE')
        .makeOptionMandatory(),
    )
    .addOption(new Option('--token <token>', 'operator token of the server').env('DEPLOY_OS_TOKEN'))
    .addOption(
      new Option('--ca <fingerprint>', 'sha256:… of the server’s CA, or its PEM file; for S3, a PEM file').env(
        'DEPLOY_OS_CA',
      ),
    );
}

const defaultCacheGib = 10;

/** Adds --cache and --cache-size, for verbs that read chunks. */
export function withCache(command: Command): Command {
  return command
    .option('--cache <directory>', 'keep fetched chunks there, and look there first')
    .option('--cache-size <GiB>', `how much of them (default: ${defaultCacheGib})`, number(1, 1_000_000));
}

/** Opens the store for the time of `work`, with the key for its encrypted images, which is asked for when it is needed. `create`: to make an image. */
export async function usingStore<Result>(
  options: StoreOptions,
  work: (store: ChunkStore) => Promise<Result>,
  create = false,
): Promise<Result> {
  const behind = await openBehind(options, create);
  const askSecret = (purpose: string) => findSecret(options, purpose);
  const store = openEncryptedStore(behind, { askSecret, encrypt: create ? wantsEncryption(options) : 'as-read' });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** The store as it is kept: what is sealed stays sealed. */
export async function usingSealedStore<Result>(
  options: StoreOptions,
  work: (store: ChunkStore) => Promise<Result>,
): Promise<Result> {
  const store = await openBehind(options, false);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

async function openBehind(
  { store: location, token, ca, cache, cacheSize = defaultCacheGib }: StoreOptions,
  create: boolean,
): Promise<ChunkStore> {
  const opened = await openStore(location, {
    create,
    ...(token === undefined ? {} : { token }),
    ...(ca === undefined ? {} : { ca }),
  });
  const maxBytes = cacheSize * 2 ** 30;
  // Before decryption: a cache keeps what the store keeps.
  return cache === undefined ? opened : await openCachedStore(opened, { directory: cache, maxBytes });
}
