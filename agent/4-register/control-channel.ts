// Fourth stage: the one WebSocket to the server, opened again for ever when it breaks (docs/protocol.md, "Control channel").
import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { backoffDelayMs } from '../../imaging/store/backoff.ts';
import { isCertificateError, pinnedTls } from '../../imaging/store/pinned-ca.ts';
import { type AgentMessage, maxFrameBytes, type ServerMessage } from '../../protocol/agent-messages.ts';
import { DeployError, fromErrorBody, toDeployError } from '../../protocol/errors.ts';
import { decodeFrame, encodeFrame } from './frame.ts';
import type { Servers } from './servers.ts';

const pingMs = 15_000;
const silentMs = 45_000;
const backoff = { firstMs: 500, maxMs: 15_000 };
/** After a refusal nothing changes quickly: a person has to act. */
const refusedMs = 30_000;
/** Beyond this a slow line gets no further messages; progress is only worth sending fresh. */
const maxBufferedBytes = 1024 * 1024;

export type ChannelOptions = {
  readonly servers: Servers;
  readonly headers: Record<string, string>;
  /** The first message of each connection. */
  readonly hello: () => Promise<AgentMessage>;
  readonly onMessage: (message: ServerMessage) => void;
  /** Called when a connection ends or fails, with the reason. */
  readonly onDown: (reason: DeployError) => void;
};

export class ControlChannel {
  readonly #options: ChannelOptions;
  #socket: WebSocket | undefined;
  /** The socket that has carried its hello; the server refuses one on which anything else comes first. */
  #greeted: WebSocket | undefined;
  #attempt = 0;
  #refused = false;
  #closed = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.#connect();
  }

  /** False when there is no connection, or one that does not keep up: the message is lost. */
  send(message: AgentMessage): boolean {
    const socket = this.#greeted;
    if (socket?.readyState !== WebSocket.OPEN || socket.bufferedAmount > maxBufferedBytes) return false;
    socket.send(encodeFrame(message));
    return true;
  }

  /** Drops the connection, which would only fall silent, and opens another one soon. */
  reconnect(): void {
    this.#attempt = 0;
    this.#socket?.terminate();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#socket?.close();
  }

  #connect(): void {
    const { servers, headers } = this.#options;
    const { url } = servers;
    const socket = new WebSocket(`${url.replace(/^https:/, 'wss:')}/v1/agent`, {
      ...pinnedTls(servers.ca),
      headers,
      maxPayload: maxFrameBytes,
      perMessageDeflate: false,
      handshakeTimeout: pingMs,
    });
    this.#socket = socket;
    let reason = new DeployError('server-unreachable', `${url} closed the connection`);
    const stopWatching = watchSilence(socket);
    socket.on('open', () => void this.#greet(socket));
    socket.on('message', (data) => this.#receive(socket, data as Buffer));
    socket.on('unexpected-response', (_request, response) => {
      void readRefusal(response).then((refusal) => {
        reason = refusal;
        this.#refused = refusal.code === 'unauthorized' || refusal.code === 'forbidden';
        socket.terminate();
      });
    });
    socket.on('error', (thrown) => {
      if (reason.code === 'server-unreachable') reason = connectionError(url, thrown);
    });
    socket.on('close', () => {
      stopWatching();
      this.#comeBack(reason);
    });
  }

  async #greet(socket: WebSocket): Promise<void> {
    try {
      socket.send(encodeFrame(await this.#options.hello()));
      this.#greeted = socket;
    } catch (thrown) {
      this.#options.onDown(toDeployError(thrown).during('registering'));
      socket.terminate();
    }
  }

  #receive(socket: WebSocket, data: Buffer): void {
    try {
      const message = decodeFrame(data);
      if (message.type === 'welcome') this.#attempt = 0;
      if (message.type === 'refused') this.#refused = true;
      this.#options.onMessage(message);
    } catch (thrown) {
      this.#options.onDown(toDeployError(thrown));
      socket.terminate();
    }
  }

  #comeBack(reason: DeployError): void {
    if (this.#closed) return;
    this.#options.onDown(reason);
    // After a connection that worked, the same server is asked once more: it may only have been the cable.
    if (!this.#refused && this.#attempt > 0) this.#options.servers.goOn();
    const delayMs = this.#refused ? refusedMs : backoffDelayMs(this.#attempt++, backoff);
    this.#refused = false;
    this.#retry = setTimeout(() => this.#connect(), delayMs);
  }
}

/** Pings, and drops a peer from which nothing has come for a while. Returns what ends it. */
function watchSilence(socket: WebSocket): () => void {
  let heardMs = performance.now();
  const heard = (): void => {
    heardMs = performance.now();
  };
  for (const event of ['open', 'message', 'ping', 'pong']) socket.on(event, heard);
  const timer = setInterval(() => {
    if (performance.now() - heardMs > silentMs) socket.terminate();
    else if (socket.readyState === WebSocket.OPEN) socket.ping();
  }, pingMs);
  return () => clearInterval(timer);
}

function connectionError(url: string, thrown: Error): DeployError {
  const code = isCertificateError(thrown) ? 'server-untrusted' : 'server-unreachable';
  return new DeployError(code, `${url}: ${thrown.message || String((thrown as NodeJS.ErrnoException).code)}`, {
    cause: thrown,
  });
}

/** What the server said instead of opening the WebSocket. */
async function readRefusal(response: IncomingMessage): Promise<DeployError> {
  try {
    let text = '';
    for await (const part of response.setEncoding('utf8')) {
      text += part;
      if (text.length > 65_536) break;
    }
    const { error } = JSON.parse(text) as { error: { code: string; message: string; hint?: string } };
    return fromErrorBody({ code: String(error.code), message: String(error.message), hint: error.hint });
  } catch {
    return new DeployError('server-error', `the server answered with HTTP status ${response.statusCode}`);
  }
}
