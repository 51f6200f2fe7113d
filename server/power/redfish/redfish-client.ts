// One request to a Redfish service (DSP0266): JSON in and out, and only paths of that service.
import type { OutgoingHttpHeaders } from 'node:http';
import { DeployError } from '../../../protocol/errors.ts';
import { ask } from '../../outgoing/ask.ts';
import type { Peer } from '../../outgoing/open-socket.ts';

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

/** Paths only: whoever answers must not send this server, and the password, somewhere else. */
const pathPattern = /^\/redfish(\/[\w.~!$&'()*+,;=:@%-]*)*$/;

export class RedfishClient {
  readonly #origin: URL;
  readonly #peer: Peer;

  constructor(url: string, peer: Peer) {
    this.#origin = new URL(url);
    this.#peer = peer;
  }

  /** @throws DeployError address-refused; power-failed: no answer, one that is too large or no JSON, or any status that is not 2xx. */
  async call({ method, path, body, headers = {} }: RedfishRequest, signal: AbortSignal): Promise<RedfishAnswer> {
    const what = `the BMC ${this.#origin.origin}: ${method} ${path.slice(0, 200)}`;
    const url = new URL(path, this.#origin);
    // Both: `..` leads out of it.
    if (![path, url.pathname].every((text) => pathPattern.test(text)))
      throw failed(`${what}: this is no path of a Redfish service`);
    const question = {
      ...{ url, method },
      headers: {
        ...{ accept: 'application/json', 'odata-version': '4.0' },
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? null : Buffer.from(JSON.stringify(body)),
    };
    const reply = await ask(question, this.#peer, signal).catch((thrown) => explain(thrown, what));
    if (reply.status < 200 || reply.status > 299) throw refusal(what, reply.status, reply.body);
    const told = reply.body.length === 0 ? undefined : parseJson(reply.body, what);
    return { status: reply.status, headers: reply.headers as Record<string, string | undefined>, body: told };
  }
}

function explain(thrown: unknown, what: string): never {
  if (thrown instanceof DeployError && thrown.code === 'address-refused') throw thrown;
  const { message, hint } = thrown as DeployError;
  const usual =
    thrown instanceof DeployError && thrown.code === 'server-untrusted'
      ? 'Nothing was sent to it. Compare the fingerprint with what the BMC shows itself; if it is the same, give it as --certificate.'
      : 'Is the address right and Redfish on?';
  throw failed(`${what}: ${message}`, thrown, hint ?? usual);
}

/** What is no JSON may be anything, and is not shown. */
function parseJson(bytes: Buffer, what: string): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    throw failed(`${what}: the answer is no JSON`);
  }
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

/** Only those that are a message of a registry, by its id (`Base.1.18.GeneralError`): another service's answer says nothing to whoever pointed the server at it. */
function wordsOf(bytes: Buffer): string {
  try {
    const { error } = JSON.parse(bytes.toString()) as {
      error?: { '@Message.ExtendedInfo'?: { MessageId?: unknown; Message?: unknown }[] };
    };
    const { MessageId: id, Message: said } = error?.['@Message.ExtendedInfo']?.[0] ?? {};
    if (typeof id !== 'string' || !/^\w+\.\d+\.\d+(\.\d+)?\.\w+$/.test(id) || typeof said !== 'string') return '';
    return said.replaceAll(/\p{Cc}+/gu, ' ').slice(0, 500);
  } catch {
    return '';
  }
}

function failed(message: string, cause?: unknown, hint?: string): DeployError {
  return new DeployError('power-failed', message, { cause, ...(hint === undefined ? {} : { hint }) });
}
