// Runs a program of the system for the stages that must go on whatever it does: with a time limit, and never with an exception.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

export type BoundedRun = {
  readonly ok: boolean;
  /** What it printed on both streams, trimmed; and how it failed when it did. */
  readonly said: string;
};

const maxSaid = 16_384;
/** For what a daemon that it started may still be about to say. */
const drainMs = 100;

/**
 * Ends `program` after `withinMs`. One that hangs in the kernel (a disk that does not answer) cannot be ended: it is left behind.
 * What it leaves running (mdmon, multipathd) is not waited for.
 */
export async function runBounded(program: string, args: readonly string[], withinMs: number): Promise<BoundedRun> {
  // Firmware RAID of Intel is known by its metadata alone: the disks may hang on another controller now, or the machine be a virtual one.
  const env = { ...process.env, LC_ALL: 'C', IMSM_NO_PLATFORM: '1' };
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env, detached: true });
  let said = '';
  const take = (text: Buffer) => {
    said = (said + text.toString('latin1')).slice(-maxSaid);
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  const closed = once(child, 'close').catch(() => {});
  const limit = new AbortController();
  const late = sleep(withinMs, 'late' as const, { signal: limit.signal, ref: false }).catch(() => 'late' as const);
  const answer = (ok: boolean, ...lines: string[]) => ({
    ok,
    said: [said.trim(), ...lines].filter(Boolean).join('\n'),
  });
  try {
    const ended = await Promise.race([once(child, 'exit') as Promise<[number | null, string | null]>, late]);
    if (ended === 'late') {
      child.kill('SIGKILL');
      return answer(false, `${program} did not end within ${withinMs / 1000} s`);
    }
    await Promise.race([closed, sleep(drainMs)]);
    const [status, signal] = ended;
    return status === 0 ? answer(true) : answer(false, `${program} ended with ${status ?? signal}`);
  } catch (thrown) {
    return answer(false, `${program}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  } finally {
    limit.abort();
    for (const stream of [child.stdout, child.stderr]) stream.destroy();
    child.unref();
  }
}
