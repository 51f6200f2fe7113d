// Runs host tools for the lab: output kept, failure told with the tool's own words.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';

export type RunCommandOptions = {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
  /** Where stdout and stderr go instead of the result. */
  readonly logPath?: string;
  readonly signal?: AbortSignal;
};

/** Runs a command to its end and answers its stdout; a status other than 0 throws with what it said on stderr. */
export function runCommand(command: string, args: readonly string[], options: RunCommandOptions = {}): Promise<string> {
  const { cwd, env, input, logPath, signal } = options;
  const log = logPath === undefined ? 'pipe' : openSync(logPath, 'a');
  const child = spawn(command, args, {
    stdio: ['pipe', log, log],
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (typeof log === 'number') closeSync(log);
  child.stdin?.on('error', () => {});
  child.stdin?.end(input ?? '');
  return collect(child, `${command} ${args.join(' ')}`, logPath);
}

function collect(child: ChildProcess, shown: string, logPath: string | undefined): Promise<string> {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-4000);
  });
  return new Promise((resolve, reject) => {
    child.on('error', (error) => reject(new Error(`${shown}: ${error.message}`, { cause: error })));
    child.on('close', (status, killedBy) => {
      const said = logPath === undefined ? stderr.trim() || stdout : `${readFileSync(logPath, 'utf8')}\n(${logPath})`;
      const details = said.slice(-4000).trim();
      if (status === 0) resolve(stdout);
      else reject(new Error(`${shown}: ${killedBy ?? `exit status ${status}`}\n${details}`));
    });
  });
}
