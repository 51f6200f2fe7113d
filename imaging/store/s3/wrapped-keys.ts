// The wrapped keys of an S3 store: small objects in keys/.
import { DeployError } from '../../../protocol/errors.ts';
import { checkKeyObject, isKeyId, maxKeyObjectBytes, maxKeyObjects } from '../../crypt/key-object.ts';
import { keyExists, keyNotFound } from '../key-errors.ts';
import type { S3Bucket } from './bucket.ts';
import type { ExclusivePut } from './exclusive-put.ts';
import { folders } from './object-keys.ts';

export class S3Keys {
  readonly #bucket: S3Bucket;
  readonly #exclusive: ExclusivePut;
  readonly #label: string;

  constructor(bucket: S3Bucket, exclusive: ExclusivePut, label: string) {
    this.#bucket = bucket;
    this.#exclusive = exclusive;
    this.#label = label;
  }

  async put(id: string, key: Uint8Array, signal?: AbortSignal): Promise<void> {
    checkKeyObject(id, key);
    await this.#exclusive.test();
    if (!(await this.#exclusive.put(objectKeyOf(id), key, { signal }))) throw keyExists(id);
  }

  /** In order of id. */
  async list(signal?: AbortSignal): Promise<Buffer[]> {
    const keys: Buffer[] = [];
    for await (const { key, sizeBytes } of this.#bucket.list(folders.keys, { signal })) {
      if (!isKeyId(key.slice(folders.keys.length).replace(/\.json$/, ''))) continue;
      // A longer object is no key: whoever parses it refuses it by its length.
      const tooLong = sizeBytes > maxKeyObjectBytes;
      const bytes = tooLong
        ? Buffer.alloc(maxKeyObjectBytes + 1)
        : await this.#bucket.get(key, maxKeyObjectBytes, { signal });
      if (bytes !== null) keys.push(bytes);
      if (keys.length === maxKeyObjects) break;
    }
    return keys;
  }

  async delete(id: string, signal?: AbortSignal): Promise<void> {
    if ((await this.#bucket.look(objectKeyOf(id), { signal })) === null) throw keyNotFound(id, this.#label);
    await this.#bucket.remove(objectKeyOf(id), { signal });
  }
}

function objectKeyOf(id: string): string {
  if (!isKeyId(id)) throw new DeployError('invalid-input', `'${id}' is not the id of a key`);
  return `${folders.keys}${id}.json`;
}
