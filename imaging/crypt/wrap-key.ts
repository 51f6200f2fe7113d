// Locks a data key with a secret, and unlocks it: AES-256-GCM, with everything else that the object says authenticated.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { DeployError } from '../../protocol/errors.ts';
import { canonicalJson, type Json } from '../manifest/canonical-json.ts';
import { type DataKey, dataKeyFrom } from './data-key.ts';
import { encodeKeyObject, type KeyObject } from './key-object.ts';
import { type KeySecret, mayFit, newLock, wrappingKey } from './secret.ts';

const nonceBytes = 12;
const tagBytes = 16;

/** A new key object for a store. */
export async function wrapKey(
  dataKey: DataKey,
  secret: KeySecret,
  label: string,
): Promise<{ id: string; bytes: Buffer }> {
  const id = randomBytes(16).toString('hex');
  const open = { id, dataKeyId: dataKey.keys.id, label, createdAt: new Date().toISOString(), lock: newLock(secret) };
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', await wrappingKey(secret, open.lock, id), nonce);
  cipher.setAAD(boundBy(open));
  const sealed = Buffer.concat([nonce, cipher.update(dataKey.secret), cipher.final(), cipher.getAuthTag()]);
  return { id, bytes: encodeKeyObject({ ...open, wrapped: sealed.toString('base64') }) };
}

/** The data key, or null when the secret is not the one that locked it. @throws key-corrupt when what is inside is not the key it says */
export async function unwrapKey(object: KeyObject, secret: KeySecret): Promise<DataKey | null> {
  if (!mayFit(secret, object.lock)) return null;
  const sealed = Buffer.from(object.wrapped, 'base64');
  const key = await wrappingKey(secret, object.lock, object.id);
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes });
  decipher.setAAD(boundBy(object));
  decipher.setAuthTag(sealed.subarray(-tagBytes));
  const opened = decipher.update(sealed.subarray(nonceBytes, -tagBytes));
  try {
    decipher.final();
  } catch {
    return null;
  }
  const dataKey = dataKeyFrom(opened);
  // GCM alone lets one ciphertext open under many keys; the id binds it to one.
  if (dataKey.keys.id === object.dataKeyId) return dataKey;
  throw new DeployError('key-corrupt', `the key ${object.id} holds another data key than it says`);
}

type Bound = Pick<KeyObject, 'id' | 'dataKeyId' | 'label' | 'createdAt' | 'lock'>;

function boundBy({ id, dataKeyId, label, createdAt, lock }: Bound): Buffer {
  return Buffer.from(canonicalJson({ id, dataKeyId, label, createdAt, lock } as Json));
}
