// Everything that plain HTTP serves: boot scripts, the boot files and the CA certificate. All of it is public.
import { open } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { FastifyBaseLogger } from 'fastify';
import { hasOneMeaning } from '../listener/plain-meaning.ts';
import { arm64Folder } from './arm64-files.ts';
import { readHttpBootImage } from './http-boot-image.ts';

type PlainOptions = {
  readonly bootDir: string;
  readonly caPem: string;
  readonly log: FastifyBaseLogger;
  /** `ADDRESS:PORT` for a machine that reached the server at the given address. */
  advertised(reached: { address: string; port: number }): string;
  firstScript(server: string): string;
  machineScript(server: string, query: URLSearchParams, address: string): Promise<string>;
  /** Where the file of a boot profile is; null when there is none. */
  profileFile(profileId: string, name: string): Promise<string | null>;
};

const bootFiles = new Map([
  ['/boot/vmlinuz', 'vmlinuz'],
  ['/boot/initramfs.img', 'initramfs.img'],
  [`/boot/${arm64Folder}/vmlinuz`, `${arm64Folder}/vmlinuz`],
  [`/boot/${arm64Folder}/initramfs.img`, `${arm64Folder}/initramfs.img`],
]);
const httpBootImages = new Map([
  ['/boot/http-boot.img', ''],
  [`/boot/${arm64Folder}/http-boot.img`, arm64Folder],
]);

export function createPlainServer(options: PlainOptions): Server {
  const server = createServer({ maxHeaderSize: 16 * 1024, headersTimeout: 15_000, requestTimeout: 30_000 });
  server.on('request', (request, response) => {
    response.setHeader('x-content-type-options', 'nosniff');
    answer(options, request, response).catch((thrown: Error) => {
      options.log.warn({ path: request.url?.split('?', 1)[0], reason: thrown.message }, 'plain HTTP request failed');
      if (response.headersSent) response.destroy();
      else sendText(response, 500, 'internal error\n');
    });
  });
  return server;
}

async function answer(options: PlainOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = hasOneMeaning(request) ? parseUrl(request.url) : null;
  if (url === null || (request.method !== 'GET' && request.method !== 'HEAD')) {
    sendText(response, url === null ? 400 : 405, 'only GET of public boot files; everything else is on https\n');
    return;
  }
  // Every client fetches the CA; what machines fetch is the story of their boot.
  const level = url.pathname === '/ca.pem' ? 'debug' : 'info';
  options.log[level]({ path: url.pathname, from: request.socket.remoteAddress }, 'boot file');
  const imageFolder = httpBootImages.get(url.pathname);
  if (imageFolder !== undefined) {
    const image = await readHttpBootImage(path.join(options.bootDir, imageFolder), reachedServer(options, request));
    if (image === null) sendText(response, 404, 'http-boot.img is not built; run deploy-os build\n');
    else sendImage(response, image, request.method === 'HEAD');
    return;
  }
  const file = bootFiles.get(url.pathname);
  if (file !== undefined) return sendFile(path.join(options.bootDir, file), request, response);
  const [, profileId, name] = /^\/boot\/profiles\/([0-9a-z]{1,64})\/([a-z.]{1,64})$/.exec(url.pathname) ?? [];
  if (profileId !== undefined && name !== undefined) {
    const own = await options.profileFile(profileId, name);
    if (own !== null) return sendFile(own, request, response);
  }
  if (url.pathname === '/') return sendToConsole(request, response);
  const text = await textFor(options, url, request);
  if (text === null) sendText(response, 404, 'not found; everything but public boot files is on https\n');
  else sendText(response, 200, text, request.method === 'HEAD');
}

async function textFor(options: PlainOptions, url: URL, request: IncomingMessage): Promise<string | null> {
  const server = reachedServer(options, request);
  switch (url.pathname) {
    case '/ca.pem':
      return options.caPem + fillOf(url.searchParams.get('fill'));
    case '/boot/ipxe':
      return options.firstScript(server);
    case '/boot/script':
      // A HEAD must not make a token.
      if (request.method === 'HEAD') return '';
      return options.machineScript(server, url.searchParams, plainAddress(request.socket.remoteAddress));
    default:
      return null;
  }
}

const maxFillBytes = 16 * 1024;

/** Empty lines after a certificate are allowed (RFC 7468, 2); a client asks for them to see whether large packets reach it. */
function fillOf(asked: string | null): string {
  const bytes = /^\d{1,6}$/.test(asked ?? '') ? Math.min(Number(asked), maxFillBytes) : 0;
  return '\n'.repeat(bytes);
}

/** `ADDRESS:PORT` of this server for the machine that asks. */
function reachedServer({ advertised }: PlainOptions, { socket }: IncomingMessage): string {
  const { localAddress = '', localPort = 0 } = socket;
  return advertised({ address: plainAddress(localAddress), port: localPort });
}

/** A socket for both kinds of IP shows addresses of version 4 in a mapping. */
function plainAddress(address = ''): string {
  return address.replace(/^::ffff:/, '');
}

function parseUrl(target = ''): URL | null {
  return URL.parse(`http://server${target}`);
}

/** Somebody typed the address without `https:`. A client that does not say whom it asks cannot be sent there. */
function sendToConsole({ headers: { host = '' } }: IncomingMessage, response: ServerResponse): void {
  const known = /^(\[[0-9a-fA-F:.]+\]|[0-9A-Za-z.-]+)(:\d{1,5})?$/.test(host);
  if (known) response.setHeader('location', `https://${host}/`);
  sendText(response, known ? 302 : 404, 'the console is on https, at the same port\n');
}

function sendText(response: ServerResponse, status: number, text: string, headOnly = false): void {
  const length = Buffer.byteLength(text);
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'content-length': length });
  response.end(headOnly ? undefined : text);
}

/** By its type, or the ending of its name, the firmware knows that it is no program but a disk to boot from (edk2, HttpBootDxe). */
function sendImage(response: ServerResponse, image: Buffer, headOnly: boolean): void {
  response.writeHead(200, { 'content-type': 'application/vnd.efi-img', 'content-length': image.length });
  response.end(headOnly ? undefined : image);
}

/** The length is always said: old iPXE shows it as its progress, and without it cannot tell a broken transfer from the end. */
async function sendFile(filePath: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const file = await open(filePath, 'r').catch(() => null);
  if (file === null) {
    sendText(response, 404, `${path.basename(filePath)} is not built; run deploy-os build\n`);
    return;
  }
  try {
    const { size } = await file.stat();
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': size });
    if (request.method === 'HEAD') response.end();
    else await pipeline(file.createReadStream({ autoClose: false, highWaterMark: 256 * 1024 }), response);
  } finally {
    await file.close();
  }
}
