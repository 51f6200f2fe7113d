// What the server's WebSockets have in common, whatever is said on them: which is meant, how one is refused, and when a peer is gone.
import type { IncomingMessage } from 'node:http';
import type { Server } from 'node:https';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { DeployError, errorCatalogue, toErrorBody } from '../../protocol/errors.ts';

const pingEveryMs = 15_000;
const silentForMs = 45_000;

export type WebSocketDoor = {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  close(): Promise<void>;
};

/** Each request to become a WebSocket goes to the door of its path. */
export function acceptWebSockets(server: Server, doors: Readonly<Record<string, WebSocketDoor>>): void {
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    const path = request.url?.split('?', 1)[0] ?? '';
    const door = Object.hasOwn(doors, path) ? doors[path] : undefined;
    if (door !== undefined) return door.upgrade(request, socket, head);
    refuseUpgrade(socket, new DeployError('usage', `WebSockets are at ${Object.keys(doors).join(' and ')}`));
  });
}

/** An HTTP answer on a connection that was to become a WebSocket. */
export function refuseUpgrade(socket: Duplex, error: DeployError): void {
  const body = JSON.stringify({ error: toErrorBody(error) });
  const head = [
    `HTTP/1.1 ${errorCatalogue[error.code].httpStatus} Refused`,
    'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

/** Pings, and drops a peer from which nothing came for too long; returns how to stop. */
export function keepAlive(webSocket: WebSocket): () => void {
  let heardMs = performance.now();
  const heard = (): void => {
    heardMs = performance.now();
  };
  webSocket.on('message', heard);
  webSocket.on('pong', heard);
  webSocket.on('ping', heard);
  const timer = setInterval(() => {
    if (performance.now() - heardMs > silentForMs) webSocket.terminate();
    else webSocket.ping();
  }, pingEveryMs);
  return () => clearInterval(timer);
}
