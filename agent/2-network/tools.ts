// Second stage: the one program that changes the network's settings, busybox.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Longer than any of them takes; a driver that hangs must not hang the search on all other NICs for ever. */
const timeoutMs = 30_000;

/** Runs `busybox ip` and returns what it wrote. */
export async function ip(...args: string[]): Promise<string> {
  return await busybox('ip', ...args);
}

export async function busybox(...args: string[]): Promise<string> {
  return (await promisify(execFile)('busybox', args, { timeout: timeoutMs })).stdout;
}
