// What the server's tests share: a server in this process, requests to it, and the facts of a made-up machine.
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { get as plainGet } from 'node:http';
import { request as tlsRequest } from 'node:https';
import path from 'node:path';
import type { Inventory } from '../../protocol/inventory.ts';
import type { Job, Machine } from '../../protocol/rest.ts';
import { readServerConfig, type ServerOptions } from '../../server/config.ts';
import { type RunningServer, startServer } from '../../server/start-server.ts';
import { newDatabase } from '../fixtures/databases.ts';
import { makeImage } from '../fixtures/made-image.ts';
import { smallFilesFolder } from '../fixtures/temp-directory.ts';

export type Answer = { readonly status: number; readonly headers: Record<string, unknown>; readonly body: Buffer };
type RequestOptions = { method?: string; headers?: Record<string, string>; body?: Uint8Array | string };

/** A server on a free port of the loopback interface; `await using` stops it and removes its data. */
export class TestServer implements AsyncDisposable {
  readonly dataDir: string;
  running: RunningServer;

  readonly database: string;

  private constructor(dataDir: string, database: string, running: RunningServer) {
    this.dataDir = dataDir;
    this.database = database;
    this.running = running;
  }

  static async start(options: Partial<ServerOptions> = {}): Promise<TestServer> {
    const dataDir = await mkdtemp(path.join(await smallFilesFolder(), 'deploy-os-server-'));
    const database = await newDatabase(dataDir);
    return new TestServer(dataDir, database, await start({ data: dataDir, database, ...options }));
  }

  /** Another server on the same database, with the secrets that such servers share. */
  static async beside({ dataDir: first, database }: TestServer, options: Partial<ServerOptions>): Promise<TestServer> {
    const dataDir = await mkdtemp(path.join(await smallFilesFolder(), 'deploy-os-server-'));
    await copyFile(path.join(first, 'secrets.key'), path.join(dataDir, 'secrets.key'));
    return new TestServer(dataDir, database, await start({ data: dataDir, database, ...options }));
  }

  /** The same data directory and port, a new server. */
  async restart(options: Partial<ServerOptions> = {}): Promise<void> {
    const { port } = this.running;
    await this.running.close();
    const { dataDir, database } = this;
    this.running = await start({ data: dataDir, database, listen: `127.0.0.1:${port}`, ...options });
  }

  get operator(): { authorization: string } {
    return { authorization: `Bearer ${this.running.operatorToken}` };
  }

  tls(target: string, options: RequestOptions = {}): Promise<Answer> {
    return request(this.running.port, target, options);
  }

  /** As the operator, JSON in and out. @throws the answer's text when it is an error */
  async api<T>(method: string, target: string, body?: unknown): Promise<T> {
    const json = body === undefined ? {} : { body: JSON.stringify(body) };
    const headers = { ...this.operator, ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
    const answer = await this.tls(target, { method, headers, ...json });
    if (answer.status >= 400) throw new Error(`${answer.status} ${answer.body}`);
    return (answer.body.length === 0 ? undefined : JSON.parse(answer.body.toString())) as T;
  }

  plain(target: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      plainGet({ host: '127.0.0.1', port: this.running.port, path: target, agent: false }, (response) =>
        collect(response, resolve, reject),
      ).on('error', reject);
    });
  }

  /** A boot token, as the machine's boot script holds it. */
  async bootToken(uuid: string, mac = '52:54:00:00:00:01'): Promise<string> {
    const script = (await this.plain(`/boot/script?uuid=${uuid}&mac=${mac}&platform=pcbios`)).body.toString();
    const token = /deploy\.token=(\S+)/.exec(script)?.[1];
    if (token === undefined) throw new Error(`no token in: ${script}`);
    return token;
  }

  /** Without a chunk; enough for jobs to be asked for with it. */
  async addImage(name: string, facts: Parameters<typeof makeImage>[1] = {}): Promise<void> {
    const body = makeImage(name, facts);
    const target = `/v1/images/${encodeURIComponent(name)}`;
    const { status, body: said } = await this.tls(target, { method: 'PUT', headers: this.operator, body });
    if (status !== 201) throw new Error(`${status} ${said}`);
  }

  job(id: string): Promise<Job> {
    return this.api('GET', `/v1/jobs/${id}`);
  }

  machines(): Promise<Machine[]> {
    return this.api('GET', '/v1/machines');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.running.close();
    await rm(this.dataDir, { recursive: true });
  }
}

function start(options: ServerOptions): Promise<RunningServer> {
  return startServer(readServerConfig({ listen: '127.0.0.1:0', logLevel: 'silent', ...options }));
}

/** Its certificate is the subject of tests of its own. */
function request(port: number, target: string, options: RequestOptions = {}): Promise<Answer> {
  const { method = 'GET', headers = {}, body } = options;
  return new Promise((resolve, reject) => {
    const outgoing = tlsRequest(
      { host: '127.0.0.1', port, path: target, method, headers, agent: false, rejectUnauthorized: false },
      (response) => collect(response, resolve, reject),
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

function collect(
  response: import('node:http').IncomingMessage,
  resolve: (answer: Answer) => void,
  reject: (error: Error) => void,
): void {
  const parts: Buffer[] = [];
  response.on('data', (part: Buffer) => parts.push(part));
  response.on('error', reject);
  response.on('end', () =>
    resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) }),
  );
}

export function errorCode(answer: Answer): string {
  return JSON.parse(answer.body.toString()).error.code;
}

/** Waits until `read` gives something other than undefined or false. */
export async function eventually<T>(read: () => Promise<T | undefined | false>, withinMs = 10_000): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const value = await read();
    if (value !== undefined && value !== false) return value as T;
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export const uuidA = '8a6e0804-2bd0-4672-b79d-d97027f9071a';
export const uuidB = '1b4e28ba-2fa1-41d2-883f-0016d3cca427';

export function makeInventory(uuid: string, mac = '52:54:00:00:00:01'): Inventory {
  return {
    smbios: { uuid, serial: 'S1', manufacturer: 'QEMU', product: 'Standard PC' },
    firmware: 'bios',
    secureBoot: false,
    cpu: { model: 'Test CPU', count: 2 },
    memoryBytes: 2 ** 30,
    watchdog: null,
    nics: [
      {
        name: 'eth0',
        mac,
        driver: 'virtio_net',
        link: true,
        speedMbps: 1000,
        duplex: 'full',
        addresses: ['192.0.2.5'],
        networks: ['192.0.2.5/24'],
        boot: true,
        errors: 0,
        result: null,
      },
    ],
    disks: [],
  };
}
