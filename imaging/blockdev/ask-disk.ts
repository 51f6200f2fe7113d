// Asks a disk something by one of Debian's tools, where no answer is an answer, too: nobody waits for a disk that hangs.
import { execFile } from 'node:child_process';

export type ToolAnswer = { readonly status: number; readonly stdout: Buffer; readonly stderr: string };

/** After `timeoutMs` the tool is killed; one that hangs in the kernel with its disk, beyond the reach of signals, is left there. */
const graceMs = 1000;

/** What the tool said, whatever its exit status. Null when it is not there, was killed, or did not end in time. */
export async function askDisk(
  program: string,
  args: readonly string[],
  {
    timeoutMs,
    maxBytes,
    input,
  }: {
    readonly timeoutMs: number;
    readonly maxBytes: number;
    /** For its standard input. */
    readonly input?: Buffer;
  },
): Promise<ToolAnswer | null> {
  const { promise, resolve } = Promise.withResolvers<ToolAnswer | null>();
  const child = execFile(
    program,
    args,
    {
      env: { ...process.env, LC_ALL: 'C', PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` },
      ...{ encoding: 'buffer', maxBuffer: maxBytes, timeout: timeoutMs, killSignal: 'SIGKILL' },
    },
    (error, stdout, stderr) => {
      // A word when it could not be started, null when a signal ended it.
      const status = error === null ? 0 : error.code;
      resolve(typeof status === 'number' ? { status, stdout, stderr: stderr.toString('latin1') } : null);
    },
  );
  if (input !== undefined) child.stdin?.on('error', () => {}).end(input);
  const timer = setTimeout(() => {
    child.unref();
    resolve(null);
  }, timeoutMs + graceMs);
  return await promise.finally(() => clearTimeout(timer));
}
