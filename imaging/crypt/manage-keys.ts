// Adding, replacing and removing the wrapped keys of a store. The data key inside stays what it is, and so do the images.
import { DeployError, toDeployError } from '../../protocol/errors.ts';
import type { ChunkStore } from '../store/chunk-store.ts';
import { keyNotFound } from '../store/key-errors.ts';
import { type DataKey, makeDataKey } from './data-key.ts';
import type { KeyObject } from './key-object.ts';
import type { KeySecret } from './secret.ts';
import { readKeyObjects, unlockDataKey } from './unlock.ts';
import { unwrapKey, wrapKey } from './wrap-key.ts';

type NewKey = {
  readonly secret: KeySecret;
  readonly label: string;
  /** Asked for what opens the store now, if it has keys already. @throws key-needed */
  readonly current: () => Promise<KeySecret>;
  readonly signal?: AbortSignal;
};

/**
 * Lets one more key file or passphrase open the store's encrypted images. The first one makes the data key.
 * @throws key-needed, key-wrong, key-corrupt, store errors
 */
export async function addKey(store: ChunkStore, added: NewKey): Promise<{ key: KeyObject; first: boolean }> {
  const first = (await store.listKeys(added.signal)).length === 0;
  const stop = added.signal === undefined ? {} : { signal: added.signal };
  const dataKey = first ? makeDataKey() : await unlockDataKey(store, await added.current(), stop);
  return { key: await putWrapped(store, dataKey, added), first };
}

/** Puts a new lock in the place of the wrapping `id`: what it locked with opens no more. No chunk and no manifest is touched. */
export async function rotateKey(store: ChunkStore, id: string, added: NewKey): Promise<KeyObject> {
  const { dataKeyId } = await findKey(store, id, added.signal);
  const stop = added.signal === undefined ? {} : { signal: added.signal };
  const dataKey = await unlockDataKey(store, await added.current(), { dataKeyId, ...stop });
  const key = await putWrapped(store, dataKey, added);
  await store.deleteKey(id, added.signal);
  return key;
}

/** @throws key-not-found, key-last */
export async function removeKey(store: ChunkStore, id: string, signal?: AbortSignal): Promise<void> {
  const damaged = new Set<unknown>();
  const keys = await readKeyObjects(store, signal, (thrown) => damaged.add(thrown));
  const key = keys.find((candidate) => candidate.id === id);
  // A damaged one opens nothing, and may go.
  if (key === undefined && damaged.size === 0) throw keyNotFound(id, store.label);
  if (key !== undefined && keys.filter(({ dataKeyId }) => dataKeyId === key.dataKeyId).length === 1) {
    throw new DeployError('key-last', `${id} is the last key that opens its images in ${store.label}`, {
      hint: 'Add another one first (`deploy-os key add`): without any, nobody could read those images again.',
    });
  }
  await store.deleteKey(id, signal);
}

async function findKey(store: ChunkStore, id: string, signal: AbortSignal | undefined): Promise<KeyObject> {
  const key = (await readKeyObjects(store, signal)).find((candidate) => candidate.id === id);
  if (key === undefined) throw keyNotFound(id, store.label);
  return key;
}

/** Nothing depends on a wrapping before it was read back and opened. */
async function putWrapped(store: ChunkStore, dataKey: DataKey, { secret, label, signal }: NewKey): Promise<KeyObject> {
  const { id, bytes } = await wrapKey(dataKey, secret, label);
  await store.putKey(id, bytes, signal);
  try {
    const key = await findKey(store, id, signal);
    if ((await unwrapKey(key, secret))?.keys.id === dataKey.keys.id) return key;
  } catch (thrown) {
    throw toDeployError(thrown).during('reading back the new key');
  }
  throw new DeployError(
    'key-corrupt',
    `the new key ${id} does not open after it was stored; nothing depends on it yet`,
  );
}
