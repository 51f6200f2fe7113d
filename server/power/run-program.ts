// Runs a program that turns machines on and off: with nothing of this server's environment, a time limit, and a bounded answer.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { DeployError } from '../../protocol/errors.ts';

export type Program = {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
};

const maxSaidBytes = 16_384;
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** What it printed. @throws DeployError power-failed with its words when it ends badly or not in time; tool-missing; cancelled */
export async function runProgram({ file, args, env, timeoutMs, signal }: Program): Promise<string> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  // A group of its own, so that what it started ends with it.
  const child = spawn(file, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: path, LC_ALL: 'C.UTF-8', ...env },
    cwd: '/',
    detached: true,
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (text: Buffer) => {
    out = (out + text).slice(0, maxSaidBytes);
  });
  child.stderr.on('data', (text: Buffer) => {
    err = (err + text).slice(-maxSaidBytes);
  });
  const kill = (): void => {
    if (child.pid !== undefined) tryKill(-child.pid);
    // Whoever left the group may hold the pipes.
    for (const stream of [child.stdout, child.stderr]) stream.destroy();
  };
  if (limit.aborted) kill();
  limit.addEventListener('abort', kill, { once: true });
  try {
    const [status] = (await once(child, 'close')) as [number | null];
    if (signal.aborted) throw new DeployError('cancelled', `${file} was stopped`);
    if (limit.aborted) throw new DeployError('power-failed', `${file} did not end within ${timeoutMs / 1000} s`);
    if (status === 0) return out;
    throw new DeployError('power-failed', `${file} ended with ${status ?? 'a signal'}: ${plain(err || out)}`);
  } catch (thrown) {
    if (thrown instanceof DeployError) throw thrown;
    const { code, message } = thrown as NodeJS.ErrnoException;
    throw new DeployError(code === 'ENOENT' ? 'tool-missing' : 'power-failed', `${file}: ${message}`, {
      cause: thrown,
    });
  } finally {
    limit.removeEventListener('abort', kill);
  }
}

function tryKill(group: number): void {
  try {
    process.kill(group, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

function plain(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .trim()
    .slice(0, 2000);
}
