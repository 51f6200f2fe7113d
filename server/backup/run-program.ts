// Programs that a backup is made with: tar, and PostgreSQL's own.
import { spawn } from 'node:child_process';
import { DeployError } from '../../protocol/errors.ts';

const maxWords = 4000;

/** `env` is added to this process's: a password is not for the command line, which everybody on the machine can read. @throws DeployError store-io with the program's last words */
export function runProgram(command: readonly [string, ...string[]], env: Record<string, string> = {}): Promise<void> {
  const [program, ...args] = command;
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...env } });
  let words = '';
  child.stderr.on('data', (text: Buffer) => {
    words = (words + text.toString()).slice(-maxWords);
  });
  return new Promise((resolve, reject) => {
    const fail = (reason: string, cause?: Error): void =>
      reject(new DeployError('store-io', `${program}: ${reason}`, cause === undefined ? {} : { cause }));
    child.once('error', (error) => fail(error.message, error));
    child.once('close', (code) => (code === 0 ? resolve() : fail(words.trim() || `exit status ${code}`)));
  });
}
