// A server in a process of its own, looked at from outside: its processor time, its memory, and how long it lets a caller wait.
import { readFile, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import path from 'node:path';
import { ChildServer } from '../../test/server/child-server.ts';

const command = path.join(import.meta.dirname, '../../cli/deploy-os');
const ticksPerSecond = 100; // sysconf(_SC_CLK_TCK) on Linux

export class ServerUnderTest implements AsyncDisposable {
  readonly child: ChildServer;
  readonly #connections = new Agent({ keepAlive: true, rejectUnauthorized: false });

  private constructor(child: ChildServer) {
    this.child = child;
  }

  /** By the command that is shipped, or by `program`. */
  static async start(dataDir: string, args: readonly string[] = [], program = command): Promise<ServerUnderTest> {
    const all = ['--listen', '127.0.0.1:0', '--approve', 'all', '--log-level', 'warn', ...args];
    return new ServerUnderTest(await ChildServer.start(dataDir, all, [], program));
  }

  async api<T>(method: string, path: string, body?: unknown): Promise<T> {
    return JSON.parse((await this.ask(method, path, body)).toString()) as T;
  }

  /** As the operator, or with the token of somebody else. */
  ask(method: string, path: string, body?: unknown, token = this.child.access.token): Promise<Buffer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      authorization: `Bearer ${token}`,
      ...(text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
    };
    const options = { host: '127.0.0.1', port: this.child.port, path, method, headers, agent: this.#connections };
    return new Promise((resolve, reject) => {
      const outgoing = request(options, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => {
          const answer = Buffer.concat(parts);
          if ((response.statusCode ?? 500) >= 400)
            reject(new Error(`${method} ${path}: ${response.statusCode} ${answer}`));
          else resolve(answer);
        });
      });
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        // The server closes a connection that was at rest, perhaps just as it is used again, and one that takes too long to begin.
        if (error.code === 'ECONNRESET' && (outgoing.reusedSocket || method === 'GET'))
          this.ask(method, path, body, token).then(resolve, reject);
        else reject(error);
      });
      outgoing.end(text);
    });
  }

  /** How long one call takes, ms. */
  async time(path: string): Promise<number> {
    const startMs = performance.now();
    await this.ask('GET', path);
    return performance.now() - startMs;
  }

  async cpuSeconds(): Promise<number> {
    const stat = await readFile(`/proc/${this.child.process.pid}/stat`, 'utf8');
    // After the name in brackets: state is field 3, utime and stime are 14 and 15 (proc(5)).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  }

  memoryMiB(): Promise<number> {
    return this.#status('VmRSS');
  }

  /** The most that it had since `forgetPeak`. */
  peakMiB(): Promise<number> {
    return this.#status('VmHWM');
  }

  /** See clear_refs in proc(5). */
  async forgetPeak(): Promise<void> {
    await writeFile(`/proc/${this.child.process.pid}/clear_refs`, '5');
  }

  async #status(name: 'VmRSS' | 'VmHWM'): Promise<number> {
    const status = await readFile(`/proc/${this.child.process.pid}/status`, 'utf8');
    return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? Number.NaN) / 1024;
  }

  /** By name and labels, as /metrics writes them. */
  async metrics(): Promise<Map<string, number>> {
    const text = (await this.ask('GET', '/metrics')).toString();
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return new Map(
      lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connections.destroy();
    await this.child.end('SIGTERM');
  }
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
