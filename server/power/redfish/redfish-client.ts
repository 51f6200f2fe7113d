// One request to a Redfish service (DSP0266): JSON in and out, bounded in size and time, no redirect followed.
import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { DeployError } from '../../../protocol/errors.ts';
import { openPinnedSocket, type Trust } from './pinned-socket.ts';

export type RedfishRequest = {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** From the root, as links in answers have it. */
  readonly path: string;
  readonly body?: object;
  readonly headers?: OutgoingHttpHeaders;
};
export type RedfishAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Of JSON; undefined for an empty answer. */
  readonly body: unknown;
};

/** A system with everything that vendors add takes some hundred kilobytes at most. */
const maxAnswerBytes = 1024 * 1024;
const requestMs = 15_000;
/** Paths only: whoever answers must not send this server, and the password, somewhere else. */
const pathPattern = /^\/redfish(\/[\w.~!$&'()*+,;=:@%-]*)*$/;

export class RedfishClient {
  readonly #origin: URL;
  readonly #trust: Trust;

  constructor(url: string, trust: Trust) {
    this.#origin = new URL(url);
    this.#trust = trust;
  }

  /** @throws DeployError power-failed: no answer, one that is too large or no JSON, or any status that is not 2xx. */
  async call(request: RedfishRequest, signal: AbortSignal): Promise<RedfishAnswer> {
    const what = `the BMC ${this.#origin.origin}: ${request.method} ${request.path.slice(0, 200)}`;
    if (!pathPattern.test(request.path)) throw failed(`${what}: this is no path of a Redfish service`);
    const limit = AbortSignal.any([signal, AbortSignal.timeout(requestMs)]);
    const socket = await openPinnedSocket(this.#origin, this.#trust, limit);
    try {
      const response = await this.#send(request, socket, limit);
      const bytes = await collect(response);
      const status = response.statusCode ?? 0;
      if (status < 200 || status > 299) throw refusal(what, status, bytes);
      const headers = response.headers as Record<string, string | undefined>;
      return { status, headers, body: bytes.length === 0 ? undefined : JSON.parse(bytes.toString()) };
    } catch (thrown) {
      if (thrown instanceof DeployError) throw thrown;
      const why =
        limit.aborted && !signal.aborted ? `no answer within ${requestMs / 1000} s` : (thrown as Error).message;
      throw failed(`${what}: ${why}`, thrown);
    } finally {
      socket.destroy();
    }
  }

  #send(
    { method, path, body, headers = {} }: RedfishRequest,
    socket: import('node:net').Socket,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const bytes = body === undefined ? null : Buffer.from(JSON.stringify(body));
    const type = bytes === null ? {} : { 'content-type': 'application/json', 'content-length': bytes.length };
    return new Promise((resolve, reject) => {
      const sent = httpRequest(
        {
          createConnection: () => socket,
          ...{ method, path, signal, maxHeaderSize: 32 * 1024 },
          headers: {
            ...{ host: this.#origin.host, accept: 'application/json', 'odata-version': '4.0', connection: 'close' },
            ...type,
            ...headers,
          },
        },
        resolve,
      );
      sent.on('error', reject);
      sent.end(bytes ?? undefined);
    });
  }
}

async function collect(response: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > maxAnswerBytes) throw new Error(`the answer is larger than ${maxAnswerBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** The service's own words (DSP0266, "Error responses") where it has some. */
function refusal(what: string, status: number, bytes: Buffer): DeployError {
  const hint =
    status === 401 || status === 403
      ? 'The user and the password are not right, or the user may not do that.'
      : 'The BMC itself may say more in its log.';
  const words = status >= 300 && status < 400 ? 'it sends elsewhere, which is not followed' : wordsOf(bytes);
  return failed(`${what}: HTTP status ${status}${words === '' ? '' : `: ${words}`}`, undefined, hint);
}

function wordsOf(bytes: Buffer): string {
  try {
    const { error } = JSON.parse(bytes.toString()) as {
      error?: { message?: unknown; '@Message.ExtendedInfo'?: { Message?: unknown }[] };
    };
    const said = error?.['@Message.ExtendedInfo']?.[0]?.Message ?? error?.message;
    return typeof said === 'string' ? said.replaceAll(/\p{Cc}+/gu, ' ').slice(0, 500) : '';
  } catch {
    return '';
  }
}

function failed(message: string, cause?: unknown, hint?: string): DeployError {
  return new DeployError('power-failed', message, { cause, ...(hint === undefined ? {} : { hint }) });
}
