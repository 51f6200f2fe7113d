// From a store's wrapped keys and what a person holds to the data key.
import { DeployError } from '../../protocol/errors.ts';
import type { ChunkStore } from '../store/chunk-store.ts';
import type { DataKey } from './data-key.ts';
import { type KeyObject, maxKeyObjects, parseKeyObject } from './key-object.ts';
import type { KeySecret } from './secret.ts';
import { unwrapKey } from './wrap-key.ts';

/** The store's wrapped keys, oldest first; damaged ones are given to `onDamage`. */
export async function readKeyObjects(
  store: Pick<ChunkStore, 'listKeys'>,
  signal?: AbortSignal,
  onDamage: (thrown: unknown) => void = () => {},
): Promise<KeyObject[]> {
  const objects: KeyObject[] = [];
  for (const bytes of (await store.listKeys(signal)).slice(0, maxKeyObjects)) {
    try {
      objects.push(parseKeyObject(bytes));
    } catch (thrown) {
      onDamage(thrown);
    }
  }
  return objects.sort((a, b) => (a.createdAt + a.id < b.createdAt + b.id ? -1 : 1));
}

/**
 * The data key `dataKeyId`, or the oldest one that `secret` opens when any will do.
 * @throws key-needed when the store has no such key, key-wrong when the secret opens none
 */
export async function unlockDataKey(
  store: Pick<ChunkStore, 'listKeys' | 'label'>,
  secret: KeySecret,
  options: { dataKeyId?: string; signal?: AbortSignal } = {},
): Promise<DataKey> {
  const all = await readKeyObjects(store, options.signal);
  const wanted = all.filter(({ dataKeyId }) => options.dataKeyId === undefined || dataKeyId === options.dataKeyId);
  if (wanted.length === 0) throw noKey(store.label, options.dataKeyId);
  for (const object of wanted) {
    const dataKey = await unwrapKey(object, secret);
    if (dataKey !== null) return dataKey;
  }
  const given = secret.kind === 'file' ? `the key file ${secret.id}` : 'the passphrase';
  throw new DeployError('key-wrong', `${given} opens none of the ${wanted.length} keys in ${store.label}`, {
    hint: 'See which key files and passphrases do with `deploy-os key list`.',
  });
}

function noKey(label: string, dataKeyId: string | undefined): DeployError {
  if (dataKeyId === undefined) {
    return new DeployError('key-needed', `${label} has no key to encrypt with`, {
      hint: 'Give it one first: `deploy-os key create FILE`, then `deploy-os key add --new-key-file FILE`.',
    });
  }
  return new DeployError('key-needed', `${label} has lost every wrapping of the data key ${dataKeyId}`, {
    hint: 'Restore the folder keys/ of the store from its backup. Without one of them no key file or passphrase helps.',
  });
}
