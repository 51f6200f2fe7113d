// Third stage: a machine whose clock battery is empty wakes up in 1970 or 2015, and would date its images so.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const toleranceMs = 60_000;

/**
 * Takes over the server's time when this clock is more than a minute off, and says so; null when it is right. The time comes unauthenticated; nothing is
 * trusted by it: the server's certificates are valid from 1970 on, and what they are worth rests on the pinned CA.
 */
export async function setClockIfWrong(serverTimeMs: number | null): Promise<string | null> {
  const fault = clockFault(serverTimeMs, Date.now());
  if (fault === null || serverTimeMs === null) return null;
  const seconds = Math.floor(serverTimeMs / 1000);
  const set = promisify(execFile)('busybox', ['date', '-u', '-s', `@${seconds}`]);
  return await set.then(
    () => `${fault}; the server's time was taken over`,
    (thrown: Error) => `${fault}, and cannot be set: ${thrown.message}`,
  );
}

/** How far off the clock of this machine is, in words; null within a minute. */
export function clockFault(serverTimeMs: number | null, nowMs: number): string | null {
  if (serverTimeMs === null || Math.abs(serverTimeMs - nowMs) < toleranceMs) return null;
  const way = nowMs < serverTimeMs ? 'slow' : 'fast';
  const was = new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z');
  return `${describeSpan(Math.abs(serverTimeMs - nowMs))} ${way} (${was}): is its battery empty?`;
}

function describeSpan(spanMs: number): string {
  const minutes = Math.round(spanMs / 60_000);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`;
}
