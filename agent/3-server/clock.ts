// Third stage: a machine whose clock battery is empty wakes up in 1970 or 2015, where the server's certificate is not valid yet.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const toleranceMs = 3_600_000;

/**
 * Takes over the server's time when this clock is more than an hour off. The time comes unauthenticated, but the CA is pinned by its
 * fingerprint, and a false clock could only make one of its own certificates pass that has lapsed.
 */
export async function setClockIfWrong(serverTimeMs: number | null): Promise<void> {
  if (serverTimeMs === null || Math.abs(serverTimeMs - Date.now()) < toleranceMs) return;
  const seconds = Math.floor(serverTimeMs / 1000);
  await promisify(execFile)('busybox', ['date', '-u', '-s', `@${seconds}`]).catch(() => undefined);
}
