// The transport below the HTTP store: one HTTPS request with a bounded answer, tried again while the server is away.
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeployError, type ErrorCode, fromErrorBody } from '../../protocol/errors.ts';
import { backoffDelayMs } from './backoff.ts';
import { collectBody, readLines, sendBody } from './http-body.ts';
import { isCertificateError, pinnedTls } from './pinned-ca.ts';

export type HttpsClientOptions = {
  /** `https://HOST:PORT` */
  readonly url: string;
  /** Asked at each try where there are several servers with one CA and one store; `url` is then where it begins. */
  readonly currentUrl?: (() => string) | undefined;
  /** The CA certificate trusted, PEM (see pinned-ca.ts). */
  readonly ca: string;
  /** Sent with every request: who is asking. */
  readonly headers: OutgoingHttpHeaders;
  /** How long a server may be away before an operation fails. */
  readonly retryForMs: number;
  readonly maxSockets: number;
  /** Told once when an outage begins and once when it ends, for a person. */
  readonly onOutage?: ((message: string) => void) | undefined;
  /** Who calls these knows that the way to the server is another one now: connections by the old one are dropped, and their requests sent again. */
  readonly moveListeners?: Set<() => void> | undefined;
};

export type Call = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  /** The body's parts; sent anew at each try, so they must not change. */
  readonly body?: readonly Uint8Array[] | undefined;
  readonly contentType?: string | undefined;
  /** A longer answer is refused. */
  readonly maxAnswerBytes: number;
  /** A connection on which nothing moves for so long is given up. */
  readonly idleTimeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Takes an answer that comes line by line, instead of the body. Once it has begun, the request is not tried again. */
  readonly onLine?: ((line: string) => void) | undefined;
};

const backoff = { firstMs: 200, maxMs: 10_000 };
const retriedStatuses = [502, 503, 504];
/** What a server has done is done: nobody asks twice by himself for what turns machines off. */
const finalCodes: readonly ErrorCode[] = ['power-failed'];
const maxErrorBytes = 64 * 1024;

type Answer = { readonly status: number; readonly body: Buffer };

/** What makes a request worth another try: the way to the server failed, not the request. */
class Outage extends Error {}

export class HttpsClient {
  readonly #options: HttpsClientOptions;
  readonly #agent: Agent;
  #away = false;
  readonly #dropConnections = (): void => this.#agent.destroy();

  constructor(options: HttpsClientOptions) {
    this.#options = options;
    this.#agent = new Agent({
      ...pinnedTls(options.ca),
      keepAlive: true,
      maxSockets: options.maxSockets,
      scheduling: 'lifo',
    });
    options.moveListeners?.add(this.#dropConnections);
  }

  get #url(): string {
    return this.#options.currentUrl?.() ?? this.#options.url;
  }

  /**
   * The body of a successful answer. Connection failures, 502, 503 and 504 are tried again for `retryForMs`, but for what is final.
   * @throws DeployError what the server answered, server-unreachable, server-untrusted, too-large or cancelled.
   */
  async call(call: Call): Promise<Buffer> {
    let firstFailureMs: number | undefined;
    for (let attempt = 0; ; attempt++) {
      try {
        const answer = await this.#once(call);
        this.#setAway(false, '');
        return bodyOf(answer, call, this.#url);
      } catch (thrown) {
        if (!(thrown instanceof Outage)) throw thrown;
        firstFailureMs ??= performance.now();
        await this.#waitToRetry(call, attempt, firstFailureMs, thrown);
      }
    }
  }

  close(): void {
    this.#options.moveListeners?.delete(this.#dropConnections);
    this.#agent.destroy();
  }

  async #waitToRetry(call: Call, attempt: number, firstFailureMs: number, outage: Outage): Promise<void> {
    const awayMs = performance.now() - firstFailureMs;
    if (awayMs >= this.#options.retryForMs) {
      throw new DeployError('server-unreachable', `${call.method} ${this.#url}${call.path}: ${outage.message}`, {
        cause: outage.cause,
        hint: `tried for ${Math.round(awayMs / 1000)} s; is the server running, and does this network reach it?`,
      });
    }
    // A kept connection that the server has just closed is no outage: the first retry is silent.
    if (attempt > 0) this.#setAway(true, outage.message);
    const delayMs = backoffDelayMs(attempt, backoff);
    await sleep(delayMs, undefined, call.signal === undefined ? {} : { signal: call.signal }).catch(() => {
      throw cancelled(call);
    });
  }

  #setAway(away: boolean, reason: string): void {
    if (this.#away === away) return;
    this.#away = away;
    this.#options.onOutage?.(
      away ? `the server does not answer (${reason}); trying again` : 'the server answers again',
    );
  }

  #once(call: Call): Promise<Answer> {
    if (call.signal?.aborted === true) return Promise.reject(cancelled(call));
    return new Promise<Answer>((resolve, reject) => {
      const fail = (cause: Error): void => reject(failure(cause, call, this.#url));
      // The path goes out as it is: as part of a URL, an image called `..` would be normalised away.
      const { hostname, port } = new URL(this.#url);
      const request = httpsRequest({
        hostname: hostname.replace(/^\[|\]$/g, ''),
        port: port || 443,
        path: call.path,
        agent: this.#agent,
        method: call.method,
        headers: headersFor(call, this.#options.headers),
        ...(call.signal === undefined ? {} : { signal: call.signal }),
      });
      const idleMs = call.idleTimeoutMs ?? 60_000;
      request.setTimeout(idleMs, () => request.destroy(new Error(`nothing moved for ${idleMs / 1000} s`)));
      request.on('error', fail);
      request.on('response', (response) => {
        const status = response.statusCode ?? 0;
        readBody(response, call)
          .then((body) => {
            const outage = outageIn(status, body);
            if (outage === null) resolve({ status, body });
            else reject(outage);
          })
          .catch((cause) => {
            request.destroy();
            fail(cause);
          });
      });
      sendBody(request, call.body ?? []);
    });
  }
}

async function readBody(response: IncomingMessage, { onLine, maxAnswerBytes, signal }: Call): Promise<Buffer> {
  const isError = (response.statusCode ?? 0) >= 400;
  if (onLine === undefined || isError) return await collectBody(response, isError ? maxErrorBytes : maxAnswerBytes);
  try {
    await readLines(response, maxAnswerBytes, onLine);
    return Buffer.alloc(0);
  } catch (cause) {
    if (cause instanceof DeployError || signal?.aborted === true) throw cause;
    throw new DeployError(
      'server-unreachable',
      `the server went away before it was done: ${(cause as Error).message}`,
      { cause },
    );
  }
}

function headersFor({ body, contentType }: Call, common: OutgoingHttpHeaders): OutgoingHttpHeaders {
  if (body === undefined) return common;
  const length = body.reduce((sum, part) => sum + part.length, 0);
  const type = length === 0 ? {} : { 'content-type': contentType ?? 'application/octet-stream' };
  return { ...common, ...type, 'content-length': length };
}

function bodyOf({ status, body }: Answer, call: Call, url: string): Buffer {
  if (status >= 200 && status < 300) return body;
  throw errorOf(status, body).during(`${call.method} ${url}${call.path}`);
}

function outageIn(status: number, body: Buffer): Outage | null {
  if (!retriedStatuses.includes(status)) return null;
  const { code, message } = errorOf(status, body);
  return finalCodes.includes(code) ? null : new Outage(message);
}

function errorOf(status: number, body: Buffer): DeployError {
  try {
    const { error } = JSON.parse(body.toString()) as { error?: { code?: unknown; message?: unknown; hint?: unknown } };
    if (typeof error?.code === 'string' && typeof error.message === 'string') {
      return fromErrorBody({
        code: error.code,
        message: error.message,
        hint: typeof error.hint === 'string' ? error.hint : undefined,
      });
    }
  } catch {
    // No JSON: a proxy or another program answered.
  }
  return new DeployError('server-error', `HTTP status ${status}`);
}

function failure(cause: Error, call: Call, url: string): Error {
  if (cause instanceof DeployError) return cause;
  if (call.signal?.aborted === true) return cancelled(call);
  if (isCertificateError(cause)) {
    return new DeployError('server-untrusted', `${url}: ${cause.message}`, {
      cause,
      hint: `its certificate is not one of the pinned CA, or this machine's clock (${new Date().toISOString()}) is wrong`,
    });
  }
  return new Outage(cause.message || String((cause as NodeJS.ErrnoException).code), { cause });
}

function cancelled(call: Call): DeployError {
  return new DeployError('cancelled', `${call.method} ${call.path.slice(0, 200)}: stopped`);
}
