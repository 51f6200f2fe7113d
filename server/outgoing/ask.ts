// One request of the server to somebody else, and the answer: bounded in size and time, on a connection of its own, no redirect followed, nothing unpacked.
import { type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import type { Socket } from 'node:net';
import { openSocket, type Peer } from './open-socket.ts';

export type Question = {
  readonly url: URL;
  readonly method: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Uint8Array | null;
  /** From the look-up of the name to the last byte of the answer. */
  readonly withinMs?: number;
};

/** An answer of any status: one that sends elsewhere is one of them. */
export type Reply = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: Buffer };

const maxAnswerBytes = 1024 * 1024;
const maxHeaderBytes = 32 * 1024;
const usualMs = 15_000;

/** @throws DeployError as openSocket; any other Error when there is no answer within the bounds, and what `signal` was aborted with */
export async function ask(question: Question, peer: Peer, signal: AbortSignal): Promise<Reply> {
  const { protocol, username, password } = question.url;
  if (!/^https?:$/.test(protocol) || username + password !== '') throw new Error('this is no address to be asked');
  const { withinMs = usualMs } = question;
  const limit = AbortSignal.any([signal, AbortSignal.timeout(withinMs)]);
  try {
    const socket = await openSocket(question.url, peer, limit);
    try {
      const response = await send(question, socket, limit);
      return { status: response.statusCode ?? 0, headers: response.headers, body: await collect(response) };
    } finally {
      socket.destroy();
    }
  } catch (thrown) {
    if (signal.aborted) throw signal.reason;
    throw limit.aborted ? new Error(`no answer within ${withinMs / 1000} s`) : thrown;
  }
}

function send(
  { url: { host, pathname, search }, method, headers, body }: Question,
  socket: Socket,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const length = body === null ? {} : { 'content-length': body.length };
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        createConnection: () => socket,
        ...{ method, path: pathname + search, signal, maxHeaderSize: maxHeaderBytes },
        headers: { ...headers, ...length, host, connection: 'close', 'accept-encoding': 'identity' },
      },
      resolve,
    );
    sent.on('error', reject);
    sent.end(body ?? undefined);
  });
}

async function collect(response: IncomingMessage): Promise<Buffer> {
  const coding = response.headers['content-encoding'] ?? 'identity';
  if (coding !== 'identity') throw new Error('the answer is compressed, which was not asked for');
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > maxAnswerBytes) throw new Error(`the answer is larger than ${maxAnswerBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}
