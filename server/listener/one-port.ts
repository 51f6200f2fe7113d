// Where every connection comes in: the first byte tells TLS from plain HTTP, and each goes to its own server.
import type { Server as HttpServer } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import { createServer, type Server, type Socket } from 'node:net';

const tlsHandshake = 0x16; // RFC 8446 5.1, the content type of a ClientHello's record
const firstByteTimeoutMs = 15_000;

type OnePort = {
  readonly server: Server;
  /** Stops listening and, after `graceMs` for answers under way, ends every connection. */
  close(graceMs: number): Promise<void>;
};

/** Neither `tls` nor `plain` may listen by itself. */
export function createOnePort(tls: HttpsServer, plain: HttpServer): OnePort {
  // Node looks after header and request timeouts of a server only once it believes that it listens.
  tls.emit('listening');
  plain.emit('listening');
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    routeByFirstByte(socket, tls, plain);
  });
  return { server, close: (graceMs) => closeAll(server, tls, plain, sockets, graceMs) };
}

function routeByFirstByte(socket: Socket, tls: HttpsServer, plain: HttpServer): void {
  const giveUp = (): void => void socket.destroy();
  socket.on('error', giveUp);
  // A connection that says nothing is not kept: it would cost a file descriptor for ever.
  socket.setTimeout(firstByteTimeoutMs, giveUp);
  socket.once('data', (first: Buffer) => {
    socket.pause();
    socket.setTimeout(0);
    socket.off('timeout', giveUp);
    socket.unshift(first);
    (first[0] === tlsHandshake ? tls : plain).emit('connection', socket);
    process.nextTick(() => socket.resume());
  });
}

async function closeAll(
  server: Server,
  tls: HttpsServer,
  plain: HttpServer,
  sockets: ReadonlySet<Socket>,
  graceMs: number,
): Promise<void> {
  const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
  tls.closeIdleConnections();
  plain.closeIdleConnections();
  const timer = setTimeout(() => {
    for (const socket of sockets) socket.destroy();
  }, graceMs);
  await closed;
  clearTimeout(timer);
  // Their timers end with them; `close` only complains that they never listened.
  tls.close(() => {});
  plain.close(() => {});
}
