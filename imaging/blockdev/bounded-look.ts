// A look at a disk that may not answer: of one that erases itself, or dies, each read takes minutes, and a thread with it. Nobody waits for it, and nobody reads it again meanwhile.
import { setTimeout as sleep } from 'node:timers/promises';
import { describeErasing, readErasedPercent } from '../wipe/refuse-erasing.ts';
import type { ByteReader } from './byte-reader.ts';
import { openReader } from './open-reader.ts';
import type { SysfsDevice } from './sysfs.ts';

const looksWithinMs = 15_000;
const saysWithinMs = 5000;

/** What was seen; or why nothing was, in words that follow the disk's name. */
export type Look<T> =
  | { readonly answers: true; readonly seen: T }
  | { readonly answers: false; readonly isErasing: boolean; readonly why: string };

export type LookedAt = Pick<SysfsDevice, 'devicePath' | 'majorMinor'>;

/** Disks by their numbers, whose looks have not come back. */
const unanswered = new Set<string>();

/** Runs `look`, which reads a little of the disk, unless the disk has not answered the look before. */
export async function lookWithin<T>(
  disk: LookedAt,
  look: () => Promise<T>,
  withinMs: number = looksWithinMs,
): Promise<Look<T>> {
  const { majorMinor } = disk;
  if (unanswered.has(majorMinor)) return await sayWhy(disk, withinMs);
  const looking = look();
  const limit = new AbortController();
  const late = sleep(withinMs, null, { signal: limit.signal, ref: false }).catch(() => null);
  const seen = await Promise.race([looking.then((found) => ({ answers: true as const, seen: found })), late]).finally(
    () => limit.abort(),
  );
  if (seen !== null) return seen;
  unanswered.add(majorMinor);
  void looking.catch(() => {}).finally(() => unanswered.delete(majorMinor));
  return await sayWhy(disk, withinMs);
}

/** What `read` makes of the disk, within the usual time; null when it cannot be opened or read, which whoever reads it next gets to hear. */
export async function readWithin<T>(disk: LookedAt, read: (reader: ByteReader) => Promise<T>): Promise<Look<T | null>> {
  return await lookWithin(disk, async () => {
    const reader = await openReader(disk.devicePath).catch(() => null);
    const found = reader === null ? null : await read(reader).catch(() => null);
    await reader?.close();
    return found;
  });
}

async function sayWhy({ devicePath }: LookedAt, withinMs: number): Promise<Look<never>> {
  const percent = await askErased(devicePath);
  if (percent !== null) return erasing(percent);
  return { answers: false, isErasing: false, why: `did not answer within ${withinMs / 1000} s` };
}

function erasing(percent: number): Look<never> {
  return { answers: false, isErasing: true, why: describeErasing(percent) };
}

async function askErased(devicePath: string): Promise<number | null> {
  return await Promise.race([readErasedPercent(devicePath), sleep(saysWithinMs, null, { ref: false })]);
}
