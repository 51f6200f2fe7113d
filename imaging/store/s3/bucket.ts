// The few things that a store asks of a bucket: put, get, look, renew, remove and list objects below its prefix.
import { DeployError } from '../../../protocol/errors.ts';
import { type Refusal, readRefusal, refusalError } from './answer-error.ts';
import type { S3Client } from './client.ts';
import type { S3Answer } from './exchange.ts';
import { parseListing, type S3Object } from './listing.ts';
import type { S3Location } from './location.ts';
import { parseXml } from './xml.ts';

/** `retryForMs`: instead of the client's own patience. */
export type Stop = { readonly signal?: AbortSignal | undefined; readonly retryForMs?: number };

const keysPerPage = 1000;
const maxKeyBytes = 1024;
/** A page of the longest keys, each byte of them percent-encoded, and what stands around them. */
const maxPageBytes = keysPerPage * (3 * maxKeyBytes + 1024);
const maxSmallBytes = 64 * 1024;

/** Keys are relative to the store's prefix. */
export class S3Bucket {
  readonly #client: S3Client;
  readonly #location: S3Location;

  constructor(client: S3Client, location: S3Location) {
    this.#client = client;
    this.#location = location;
  }

  /** The object, or null without one. */
  async get(key: string, maxBytes: number, stop: Stop = {}): Promise<Buffer | null> {
    const answer = await this.#client.call({ method: 'GET', key, accept: [404], maxAnswerBytes: maxBytes, ...stop });
    if (answer.status !== 404) return answer.body;
    this.#throwUnlessAbsent(answer, `GET ${key}`);
    return null;
  }

  /** Writes the object, whole or not at all. With `ifAbsent`, 'exists' where the service knows the key already. */
  async put(key: string, body: Uint8Array, { ifAbsent = false, ...stop }: Stop & { ifAbsent?: boolean } = {}) {
    const { status } = await this.#client.call({
      ...{ method: 'PUT', key, body, maxAnswerBytes: maxSmallBytes, ...stop },
      ...(ifAbsent ? { headers: { 'if-none-match': '*' }, accept: [412] } : {}),
    });
    return status === 412 ? 'exists' : 'written';
  }

  /** Size and age of the object, or null without one. */
  async look(key: string, stop: Stop = {}): Promise<S3Object | null> {
    const call = { method: 'HEAD', key, accept: [404], maxAnswerBytes: 0, ...stop } as const;
    const { status, headers } = await this.#client.call(call);
    if (status === 404) return null;
    const sizeBytes = Number(headers['content-length']);
    const modifiedMs = Date.parse(headers['last-modified'] ?? '');
    if (Number.isSafeInteger(sizeBytes) && !Number.isNaN(modifiedMs)) return { key, sizeBytes, modifiedMs };
    throw new DeployError('server-error', `HEAD ${this.#location.label}/${key}: neither length nor time is given`);
  }

  /** Copies within the service; onto itself, that renews the object's time. False when there is no `from`. */
  async copy(from: string, to: string, { signal }: Stop = {}): Promise<boolean> {
    const { bucket, prefix } = this.#location;
    const answer = await this.#client.call({
      ...{ method: 'PUT', key: to, accept: [404], maxAnswerBytes: maxSmallBytes, signal },
      // A copy onto itself is refused unless something changes: what there is of metadata, none, is replaced.
      headers: { 'x-amz-copy-source': `/${bucket}/${prefix}${from}`, 'x-amz-metadata-directive': 'REPLACE' },
    });
    if (answer.status === 404) {
      this.#throwUnlessAbsent(answer, `copying ${from}`);
      return false;
    }
    // A copy that fails late says so under status 200.
    if (parseXml(answer.body).name === 'CopyObjectResult') return true;
    throw this.#refused(readRefusal(500, answer.headers, answer.body), `copying ${from}`);
  }

  /** Forgets the object; one that is gone already is no error. */
  async remove(key: string, stop: Stop = {}): Promise<void> {
    await this.#client.call({ method: 'DELETE', key, accept: [404], maxAnswerBytes: maxSmallBytes, ...stop });
  }

  /** One page of the objects whose keys begin with `start` and come after `after`, in order of key. */
  async page(start: string, after: string, { signal }: Stop = {}): Promise<{ objects: S3Object[]; isLast: boolean }> {
    const { prefix } = this.#location;
    const query = {
      ...{ 'list-type': '2', 'encoding-type': 'url', 'max-keys': String(keysPerPage), prefix: prefix + start },
      ...(after === '' ? {} : { 'start-after': prefix + after }),
    };
    const { body } = await this.#client.call({ method: 'GET', query, maxAnswerBytes: maxPageBytes, signal });
    const { objects, isLast } = parseListing(body, after === '' ? '' : prefix + after);
    if (objects.some(({ key }) => !key.startsWith(prefix + start))) {
      throw new DeployError('server-error', `listing ${this.#location.label}: keys that were not asked for`);
    }
    return { objects: objects.map((object) => ({ ...object, key: object.key.slice(prefix.length) })), isLast };
  }

  /** Every object whose key begins with `start`, a page in advance. */
  async *list(start: string, stop: Stop = {}): AsyncGenerator<S3Object> {
    let next = this.page(start, '', stop);
    for (;;) {
      const { objects, isLast } = await next;
      const last = objects.at(-1);
      if (!isLast && last !== undefined) {
        next = this.page(start, last.key, stop);
        // Whoever stops listening leaves a page that nobody awaits.
        next.catch(() => {});
      }
      yield* objects;
      if (isLast) return;
    }
  }

  /** A missing object and a missing bucket have the same status. */
  #throwUnlessAbsent(answer: S3Answer, doing: string): void {
    const refusal = readRefusal(answer.status, answer.headers, answer.body);
    if (refusal.code === 'NoSuchBucket') throw this.#refused(refusal, doing);
  }

  #refused(refusal: Refusal, doing: string): DeployError {
    return refusalError(refusal, `${doing} in ${this.#location.label}`, this.#location.bucket);
  }
}
