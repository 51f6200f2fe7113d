// How the stages call Debian's tools: quietly, with a fixed environment, so that the host's locale and clock leave no trace.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { DeployError } from '../protocol/errors.ts';

const execFileAsync = promisify(execFile);

export type ToolOptions = {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  readonly hint?: string;
};

/** Runs a tool and gives its standard output; throws `build-failed` with what it said on standard error. */
export async function runTool(command: string, args: readonly string[], options: ToolOptions = {}): Promise<string> {
  const { hint, env, ...rest } = options;
  try {
    const { stdout } = await execFileAsync(command, args, {
      ...rest,
      env: { PATH: process.env.PATH ?? '', HOME: '/nonexistent', LC_ALL: 'C', TZ: 'UTC', ...env },
      maxBuffer: 256 * 2 ** 20,
    });
    return stdout;
  } catch (thrown) {
    if (options.signal?.aborted) throw new DeployError('cancelled', 'the build was stopped', { cause: thrown });
    throw new DeployError('build-failed', `running ${command}: ${reasonOf(thrown)}`, {
      cause: thrown,
      ...(hint === undefined ? {} : { hint }),
    });
  }
}

function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const stderr = 'stderr' in thrown ? String(thrown.stderr).trim() : '';
  return stderr === '' ? thrown.message : (stderr.split('\n').slice(-5).join('; ') ?? thrown.message);
}
