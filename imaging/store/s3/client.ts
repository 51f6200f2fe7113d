// The transport below the S3 store: one signed request with a bounded answer, tried again while the service is away or asks for patience.
import { hash } from 'node:crypto';
import http, { type IncomingHttpHeaders } from 'node:http';
import https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { AwsV4Signer } from 'aws4fetch';
import { DeployError } from '../../../protocol/errors.ts';
import { backoffDelayMs } from '../backoff.ts';
import { collectBody, sendBody } from '../http-body.ts';
import { isCertificateError } from '../pinned-ca.ts';
import { isWorthRetrying, readRefusal, refusalError } from './answer-error.ts';
import type { S3Location } from './location.ts';

export type S3ClientOptions = {
  /** How long the service may be away before an operation fails. */
  readonly retryForMs: number;
  /** Connections at once; more requests wait for one. */
  readonly maxSockets: number;
  /** A connection on which nothing moves for so long is given up. */
  readonly idleTimeoutMs: number;
  /** A certificate authority to trust instead of the public ones, PEM. */
  readonly ca?: string | undefined;
};

export type S3Call = {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'DELETE';
  /** The object; without one, the bucket itself. */
  readonly key?: string;
  readonly query?: { readonly [name: string]: string };
  readonly headers?: { readonly [name: string]: string };
  /** Sent anew at each try, so it must not change. */
  readonly body?: Uint8Array;
  /** Statuses besides 2xx that are an answer for the caller rather than an error. */
  readonly accept?: readonly number[];
  /** A longer answer is refused. */
  readonly maxAnswerBytes: number;
  /** Instead of the client's own. */
  readonly retryForMs?: number;
  readonly signal?: AbortSignal | undefined;
};

export type S3Answer = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: Buffer };

const backoff = { firstMs: 100, maxMs: 10_000 };
const maxErrorBytes = 64 * 1024;
/** The slowest line that is waited for: beyond it a service that lets one byte drip at a time would hold a caller for ever. */
const leastBytesPerSecond = 16 * 1024;

/** What makes a request worth another try: the way to the service failed, or it asks for patience. */
class Outage extends Error {}

export class S3Client {
  readonly #location: S3Location;
  readonly #options: S3ClientOptions;
  readonly #agent: http.Agent;
  /** Derived signing keys, good for a day each. */
  readonly #signingKeys = new Map<string, ArrayBuffer>();

  constructor(location: S3Location, options: S3ClientOptions) {
    this.#location = location;
    this.#options = options;
    const settings = { keepAlive: true, maxSockets: options.maxSockets, scheduling: 'lifo' } as const;
    this.#agent =
      location.endpoint.protocol === 'https:'
        ? new https.Agent({ ...settings, ...(options.ca === undefined ? {} : { ca: options.ca }) })
        : new http.Agent(settings);
  }

  /**
   * A successful or accepted answer. Connection failures, 5xx, 429 and bodies damaged on the way are tried again.
   * @throws DeployError what the refusal means (see answer-error.ts), server-unreachable, server-untrusted, too-large or cancelled
   */
  async call(call: S3Call): Promise<S3Answer> {
    // Signed with the body, it makes the service refuse one that was damaged on its way.
    const bodyHash = hash('sha256', call.body ?? '', 'hex');
    const startedMs = performance.now();
    for (let attempt = 0; ; attempt++) {
      if (call.signal?.aborted === true) throw this.#cancelled(call);
      try {
        return await this.#once(call, bodyHash);
      } catch (thrown) {
        if (!(thrown instanceof Outage)) throw thrown;
        await this.#waitToRetry(call, attempt, performance.now() - startedMs, thrown);
      }
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  async #waitToRetry(call: S3Call, attempt: number, awayMs: number, outage: Outage): Promise<void> {
    if (awayMs >= (call.retryForMs ?? this.#options.retryForMs)) {
      throw new DeployError('server-unreachable', `${this.#describe(call)}: ${outage.message}`, {
        cause: outage.cause,
        hint: `Tried for ${Math.round(awayMs / 1000)} s. Is the S3 service running, and does this network reach it?`,
      });
    }
    const delayMs = backoffDelayMs(attempt, backoff);
    await sleep(delayMs, undefined, call.signal === undefined ? {} : { signal: call.signal }).catch(() => {
      throw this.#cancelled(call);
    });
  }

  async #once(call: S3Call, bodyHash: string): Promise<S3Answer> {
    const signed = await this.#sign(call, bodyHash);
    const answer = await this.#exchange(call, signed).catch((cause: Error) => {
      throw this.#failure(cause, call);
    });
    if ((answer.status >= 200 && answer.status < 300) || call.accept?.includes(answer.status)) return answer;
    const refusal = readRefusal(answer.status, answer.headers, answer.body);
    if (isWorthRetrying(refusal)) throw new Outage(`HTTP status ${refusal.status} ${refusal.code}`.trimEnd());
    throw refusalError(refusal, this.#describe(call), this.#location.bucket);
  }

  async #sign(call: S3Call, bodyHash: string): Promise<{ path: string; headers: Record<string, string> }> {
    const { credentials, region } = this.#location;
    const url = this.#urlOf(call);
    const signer = new AwsV4Signer({
      ...{ method: call.method, url: url.href, service: 's3', region, cache: this.#signingKeys, ...credentials },
      headers: { ...call.headers, 'x-amz-content-sha256': bodyHash },
    });
    const { headers } = await signer.sign();
    return { path: url.pathname + url.search, headers: Object.fromEntries(headers) };
  }

  #urlOf({ key = '', query = {} }: S3Call): URL {
    const { endpoint, bucket, prefix, addressing } = this.#location;
    const url = new URL(endpoint);
    if (addressing === 'virtual-host') url.hostname = `${bucket}.${endpoint.hostname}`;
    const root = addressing === 'virtual-host' ? '/' : `/${bucket}`;
    url.pathname = key === '' ? root : `${root === '/' ? '' : root}/${prefix}${key}`;
    const pairs = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
    url.search = pairs.join('&');
    return url;
  }

  #exchange(call: S3Call, { path, headers }: { path: string; headers: Record<string, string> }): Promise<S3Answer> {
    const url = this.#urlOf(call);
    const body = call.body ?? new Uint8Array();
    const { promise, resolve, reject } = Promise.withResolvers<S3Answer>();
    const request = (url.protocol === 'https:' ? https : http).request({
      ...{ hostname: url.hostname.replace(/^\[|\]$/g, ''), port: url.port || undefined, path, method: call.method },
      ...{
        agent: this.#agent,
        headers: { ...headers, ...(call.method === 'PUT' ? { 'content-length': body.length } : {}) },
      },
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    });
    const giveUp = (why: string) => request.destroy(new Error(why));
    const { idleTimeoutMs } = this.#options;
    request.setTimeout(idleTimeoutMs, () => giveUp(`nothing moved for ${idleTimeoutMs / 1000} s`));
    // Counted from the connection: before, the request may wait for one without any fault of the service.
    let deadline: NodeJS.Timeout | undefined;
    request.once('socket', () => {
      const totalMs = idleTimeoutMs + ((body.length + call.maxAnswerBytes) / leastBytesPerSecond) * 1000;
      deadline = setTimeout(() => giveUp(`not done within ${Math.ceil(totalMs / 1000)} s`), totalMs);
    });
    request.once('close', () => {
      clearTimeout(deadline);
      setImmediate(() => reject(new Error('the connection closed')));
    });
    request.on('error', reject);
    request.once('response', (response) => {
      const status = response.statusCode ?? 0;
      const limit = status >= 300 ? maxErrorBytes : call.maxAnswerBytes;
      const received = call.method === 'HEAD' ? drain(response) : collectBody(response, limit);
      received.then(
        (bytes) => {
          const answer = () => resolve({ status, headers: response.headers, body: bytes });
          // A caller frees the body after a success, so all of it must be out by then; nobody waits for the rest of a refused one.
          if (status >= 300 || request.writableFinished) {
            if (!request.writableFinished) request.destroy();
            return answer();
          }
          request.once('finish', answer);
          const late = setTimeout(() => giveUp('it answered before it had the whole request'), idleTimeoutMs);
          return request.once('close', () => clearTimeout(late));
        },
        (cause: Error) => {
          request.destroy();
          reject(cause);
        },
      );
    });
    sendBody(request, body.length === 0 ? [] : [body]);
    return promise;
  }

  #failure(cause: Error, call: S3Call): Error {
    if (cause instanceof DeployError) return cause.during(this.#describe(call));
    if (call.signal?.aborted === true) return this.#cancelled(call);
    if (isCertificateError(cause)) {
      return new DeployError('server-untrusted', `${this.#describe(call)}: ${cause.message}`, {
        cause,
        hint: 'Give its CA as a PEM file with --ca, and check this machine’s clock.',
      });
    }
    return new Outage(cause.message || String((cause as NodeJS.ErrnoException).code), { cause });
  }

  #cancelled(call: S3Call): DeployError {
    return new DeployError('cancelled', `${this.#describe(call)}: stopped`);
  }

  #describe({ method, key = '' }: S3Call): string {
    return `${method} ${this.#location.label}/${key}`;
  }
}

/** An answer without a body, whatever length it announces. */
function drain(response: http.IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    response.on('error', reject);
    response.on('end', () => resolve(Buffer.alloc(0)));
    response.resume();
  });
}
