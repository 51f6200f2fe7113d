// When a schedule is due, by its time zone's clock; time comes in as a parameter everywhere. Cron patterns are croner's.
// A time that does not exist on a day (the clock goes forward) is the first that does; one that comes twice counts once. Patterns with `*` or a step
// in minute or hour mean "every so often" and follow real time instead: every hour is also both hours when the clock goes back.
import { Cron } from 'croner';
import { DeployError } from '../../protocol/errors.ts';
import type { When } from '../../protocol/schedule.ts';

/** What the server's own delays may make late: a restart, a busy database. */
const graceMs = 90_000;

/** @throws DeployError invalid-input for a pattern that is none, or that no day fits */
export function checkWhen(when: When, nowMs: number): void {
  if (when.kind === 'once') return;
  if (when.cron.split(' ').length !== 5) {
    throw new DeployError(
      'invalid-input',
      `the pattern '${when.cron}' has not the five fields minute, hour, day, month, weekday`,
    );
  }
  let next: number | null;
  try {
    next = nextDue(when, nowMs);
  } catch (cause) {
    throw new DeployError('invalid-input', `the pattern '${when.cron}': ${(cause as Error).message}`, { cause });
  }
  if (next === null) throw new DeployError('invalid-input', `no day fits the pattern '${when.cron}'`);
}

/** The first time after `afterMs`; null when there is none. */
export function nextDue(when: When, afterMs: number): number | null {
  if (when.kind === 'once') {
    const atMs = Date.parse(when.at);
    return atMs > afterMs ? atMs : null;
  }
  return nextOf(openPattern(when), afterMs);
}

/** All from `fromMs` (which counts) to before `toMs`, at most `limit`. */
export function listDue(when: When, fromMs: number, toMs: number, limit: number): number[] {
  const found: number[] = [];
  const pattern = when.kind === 'once' ? null : openPattern(when);
  for (let at: number | null = fromMs - 1; found.length < limit; ) {
    at = pattern === null ? nextDue(when, at) : nextOf(pattern, at);
    if (at === null || at >= toMs) break;
    found.push(at);
  }
  return found;
}

export type DueNow = {
  /** What is run now. */
  readonly runMs: number | null;
  /** The oldest that is too late for that; those after it may be, too. */
  readonly missedMs: number | null;
};

/** Of what came due since `dueMs`, which did itself, the newest is run, if it is not too late; however many there were, it is one. */
export function judgeDue(when: When, dueMs: number, nowMs: number, lateMinutes: number): DueNow {
  const notBeforeMs = Math.max(dueMs, nowMs - Math.max(graceMs, lateMinutes * 60_000));
  const runMs = newestDue(when, notBeforeMs, nowMs);
  return { runMs, missedMs: runMs === dueMs ? null : dueMs };
}

/** Looks back in longer and longer steps: a server that was away for a week does not go through each of its minutes. */
function newestDue(when: When, fromMs: number, nowMs: number): number | null {
  for (let spanMs = 60_000; ; spanMs *= 2) {
    const sinceMs = Math.max(fromMs, nowMs - spanMs);
    const newest = listDue(when, sinceMs, nowMs + 1, Number.POSITIVE_INFINITY).at(-1);
    if (newest !== undefined) return newest;
    if (sinceMs === fromMs) return null;
  }
}

function openPattern({ cron, timeZone }: Extract<When, { kind: 'cron' }>): Cron {
  return new Cron(cron, { timezone: timeZone, mode: '5-part', fixedTimeRule: 'no-wildcard', paused: true });
}

function nextOf(pattern: Cron, afterMs: number): number | null {
  return pattern.nextRun(new Date(afterMs))?.getTime() ?? null;
}
