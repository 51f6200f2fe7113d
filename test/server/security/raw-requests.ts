// Bytes on a connection as they are, for the tests of requests that no client of ours would send.
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

export type Side = 'tls' | 'plain';

/** Sends the bytes as they are; all that comes back until the other side closes, or nothing comes for a while. */
export function exchange(port: number, side: Side, bytes: string | Buffer, quietMs = 700): Promise<string> {
  return new Promise((resolve, reject) => {
    const at = { port, host: '127.0.0.1' };
    const begin = (): void => void socket.write(bytes);
    const socket: Socket =
      side === 'tls' ? connectTls({ ...at, rejectUnauthorized: false }, begin) : connectTcp(at, begin);
    let text = '';
    const end = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(text);
    };
    let timer = setTimeout(end, 5000);
    socket.on('data', (part: Buffer) => {
      text += part.toString('latin1');
      clearTimeout(timer);
      timer = setTimeout(end, quietMs);
    });
    socket.on('close', end);
    socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' ? end() : reject(error)));
  });
}

export const statuses = (text: string): number[] =>
  [...text.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => Number(status));
/** What a proxy in front would have taken for a body. */
export const smuggled = 'GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n';
export const plainSmuggled = 'GET /boot/ipxe HTTP/1.1\r\nHost: x\r\n\r\n';
