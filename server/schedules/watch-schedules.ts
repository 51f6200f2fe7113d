// The server's clock for schedules: each second what is due, what may begin, which machines to turn on, and which old images go.
import { dispatchJob } from '../agents/dispatch.ts';
import type { Context } from '../context.ts';
import { claimWakes, wakeForJob } from '../power/wake-for-jobs.ts';
import { holdOutside } from './hold-outside.ts';
import { keepImages } from './keep-images.ts';
import { mendNextTimes, runDue } from './run-due.ts';

const tickMs = 1000;
const mendEveryTicks = 60;

/** Returns a function that stops it and waits for what is under way. */
export function watchSchedules(context: Context): () => Promise<void> {
  const stop = new AbortController();
  const wakes = new Set<Promise<void>>();
  let ticks = 0;
  let running: Promise<void> | null = null;
  let pruning: Promise<unknown> | null = null;
  const failed = (thrown: Error): void => {
    if (!stop.signal.aborted) context.log.error({ err: thrown }, 'the watch over schedules failed');
  };
  const timer = setInterval(() => {
    running ??= tick()
      .catch(failed)
      .finally(() => {
        running = null;
      });
    // Reads every manifest of the schedule: it must not keep the next run waiting.
    pruning ??= keepImages(context, Date.now(), stop.signal)
      .catch(failed)
      .finally(() => {
        pruning = null;
      });
  }, tickMs);
  return async () => {
    clearInterval(timer);
    stop.abort();
    await Promise.allSettled([running, pruning, ...wakes]);
  };

  async function tick(): Promise<void> {
    const nowMs = Date.now();
    if (ticks++ % mendEveryTicks === 0) await mendNextTimes(context, nowMs);
    for (const machineId of await runDue(context, nowMs)) await dispatchJob(context, machineId);
    await holdOutside(context.db, nowMs);
    for (const job of await claimWakes(context, nowMs)) {
      const wake = wakeForJob(context, job, stop.signal).finally(() => wakes.delete(wake));
      wakes.add(wake);
    }
  }
}
