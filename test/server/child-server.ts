// A server as a person starts it: `deploy-os server` in a process of its own, which a test may kill.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { readServerAccess, type ServerAccess } from '../../server/address-file.ts';

const command = new URL('../../cli/main.ts', import.meta.url).pathname;

export class ChildServer {
  readonly process: ChildProcess;
  readonly lines: string[] = [];
  access: ServerAccess = { url: '', caFingerprint: '', token: '' };

  private constructor(process: ChildProcess) {
    this.process = process;
  }

  /** Resolves once the server says that it is up; rejects with its last words. `prefix` is put before the command; `installed` is another one than these sources'. */
  static async start(
    dataDir: string,
    args: readonly string[],
    prefix: readonly string[] = [],
    installed?: string,
  ): Promise<ChildServer> {
    const deployOs = installed === undefined ? [process.execPath, command] : [installed];
    const [program = '', ...rest] = [...prefix, ...deployOs, 'server', '--data', dataDir, ...args];
    const server = new ChildServer(spawn(program, rest, { stdio: ['ignore', 'inherit', 'pipe'] }));
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: server.process.stderr as NodeJS.ReadableStream }).on('line', (line) => {
        server.lines.push(line);
        if (line.startsWith('deploy-os server at ')) resolve();
      });
      server.process.once('exit', (code) => reject(new Error(`exit status ${code}: ${server.lines.join('\n')}`)));
    });
    server.access = await readServerAccess(dataDir);
    return server;
  }

  get port(): number {
    return Number(new URL(this.access.url).port);
  }

  /** Its exit status, or the signal's name. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | string | null> {
    const { exitCode, signalCode } = this.process;
    if (exitCode !== null || signalCode !== null) return Promise.resolve(exitCode ?? signalCode);
    return new Promise((resolve) => {
      this.process.removeAllListeners('exit');
      this.process.once('exit', (code, endSignal) => resolve(code ?? endSignal));
      this.process.kill(signal);
    });
  }
}
