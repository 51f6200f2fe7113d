// Third stage: a machine whose clock battery is empty wakes up in 1970 or 2015, and would date its images so.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const toleranceMs = 60_000;

/**
 * Takes over the server's time when this clock is more than a minute off. The time comes unauthenticated; nothing is trusted by it: the
 * server's certificates are valid from 1970 on, and what they are worth rests on the pinned CA.
 */
export async function setClockIfWrong(serverTimeMs: number | null): Promise<void> {
  if (serverTimeMs === null || Math.abs(serverTimeMs - Date.now()) < toleranceMs) return;
  const seconds = Math.floor(serverTimeMs / 1000);
  await promisify(execFile)('busybox', ['date', '-u', '-s', `@${seconds}`]).catch(() => undefined);
}
