// Runs a program of the system (mount, fsck, resize2fs, …) for a recipe: what it said is kept, its failure is told in its own words.
import { type ChildProcess, spawn } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { DeployError, type ErrorCode } from '../protocol/errors.ts';
import { throwIfCancelled } from './cancelled.ts';
import { errnoOf } from './chunk/device-io.ts';

export type ToolRun = {
  /** The exit status; null when a signal ended it. */
  readonly status: number | null;
  /** stdout and stderr as they came, at most the last 64 KiB. */
  readonly said: string;
  readonly stdout: string;
};

export type ToolOptions = {
  readonly signal?: AbortSignal | undefined;
  /** A file descriptor that the program gets as its fourth (number 3). */
  readonly inherit?: number;
  readonly input?: string;
};

const maxSaid = 65_536;
/** A person's own PATH often leaves out the administrator's folders. */
const searchPath = () => `${process.env.PATH ?? ''}:/usr/sbin:/sbin`;

/** Runs `program` to its end; its status is the caller's to judge. @throws tool-missing, cancelled */
export async function runTool(program: string, args: readonly string[], options: ToolOptions = {}): Promise<ToolRun> {
  throwIfCancelled(options.signal);
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'pipe', ...(options.inherit === undefined ? [] : [options.inherit])],
    env: { ...process.env, LC_ALL: 'C', PATH: searchPath() },
    // Ctrl-C is for us: we stop the program, so that it is never cut off where we would not cut it.
    detached: true,
  });
  const stop = () => child.kill('SIGTERM');
  options.signal?.addEventListener('abort', stop);
  try {
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input ?? '');
    const result = await collect(child);
    throwIfCancelled(options.signal);
    return result;
  } catch (thrown) {
    if (errnoOf(thrown) !== 'ENOENT') throw thrown;
    throw new DeployError('tool-missing', `${program} is not installed on this machine`, { cause: thrown });
  } finally {
    options.signal?.removeEventListener('abort', stop);
  }
}

/** Those of `programs` that this machine does not have. */
export async function missingPrograms(programs: readonly string[]): Promise<string[]> {
  const folders = searchPath()
    .split(':')
    .filter((folder) => folder !== '');
  const isThere = async (program: string): Promise<boolean> => {
    const tries = folders.map((folder) => access(join(folder, program), constants.X_OK));
    return await Promise.any(tries).then(
      () => true,
      () => false,
    );
  };
  const there = await Promise.all(programs.map(isThere));
  return programs.filter((_, i) => !there[i]);
}

/** Runs `program`, which has to end with one of `good`; answers what it printed. @throws `code` with the last lines that it said; tool-missing */
export async function mustRun(
  code: ErrorCode,
  program: string,
  args: readonly string[],
  good: readonly number[] = [0],
): Promise<string> {
  const { status, said, stdout } = await runTool(program, args);
  if (status !== null && good.includes(status)) return stdout;
  const last = said.split('\n').slice(-3).join('; ');
  throw new DeployError(code, `${program} ended with ${status ?? 'a signal'}: ${last}`);
}

function collect(child: ChildProcess): Promise<ToolRun> {
  let said = '';
  let stdout = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout = (stdout + text).slice(-maxSaid);
    said = (said + text).slice(-maxSaid);
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-maxSaid);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, said: said.trim(), stdout }));
  });
}
