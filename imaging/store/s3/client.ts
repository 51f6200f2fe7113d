// The transport below the S3 store: one signed request with a bounded answer, tried again while the service is away or asks for patience.
import { hash } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { AwsV4Signer } from 'aws4fetch';
import { DeployError } from '../../../protocol/errors.ts';
import { backoffDelayMs } from '../backoff.ts';
import { isCertificateError } from '../pinned-ca.ts';
import { isWorthRetrying, readRefusal, refusalError } from './answer-error.ts';
import { exchange, type S3Answer } from './exchange.ts';
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

const backoff = { firstMs: 100, maxMs: 10_000 };

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
    let firstFailureMs: number | undefined;
    for (let attempt = 0; ; attempt++) {
      if (call.signal?.aborted === true) throw this.#cancelled(call);
      try {
        return await this.#once(call, bodyHash);
      } catch (thrown) {
        if (!(thrown instanceof Outage)) throw thrown;
        firstFailureMs ??= performance.now();
        await this.#waitToRetry(call, attempt, performance.now() - firstFailureMs, thrown);
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
    const url = this.#urlOf(call);
    const { method, body = new Uint8Array(), maxAnswerBytes, signal } = call;
    const answer = await exchange({
      ...{ url, method, headers: await this.#sign(call, url, bodyHash), body, maxAnswerBytes, signal },
      ...{ agent: this.#agent, idleTimeoutMs: this.#options.idleTimeoutMs },
    }).catch((cause: Error) => {
      throw this.#failure(cause, call);
    });
    if ((answer.status >= 200 && answer.status < 300) || call.accept?.includes(answer.status)) return answer;
    const refusal = readRefusal(answer.status, answer.headers, answer.body);
    if (isWorthRetrying(refusal)) throw new Outage(`HTTP status ${refusal.status} ${refusal.code}`.trimEnd());
    throw refusalError(refusal, this.#describe(call), this.#location.bucket);
  }

  async #sign({ method, headers }: S3Call, url: URL, bodyHash: string): Promise<Record<string, string>> {
    const { credentials, region } = this.#location;
    const signer = new AwsV4Signer({
      ...{ method, url: url.href, service: 's3', region, cache: this.#signingKeys, ...credentials },
      headers: { ...headers, 'x-amz-content-sha256': bodyHash },
    });
    return Object.fromEntries((await signer.sign()).headers);
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
