// A pause in the middle of the data path: nothing new begins, nothing is lost, and a stop ends it.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { BoundedTasks } from '../../imaging/chunk/bounded-tasks.ts';
import { Pause } from '../../imaging/pause.ts';

async function runTasks(pause: Pause, done: number[], signal?: AbortSignal): Promise<void> {
  const tasks = new BoundedTasks(2, signal, pause);
  try {
    for (let i = 0; i < 20; i++) {
      await tasks.start(async () => {
        await sleep(1);
        done.push(i);
        if (done.length === 5) pause.pause();
      });
    }
  } finally {
    await tasks.finish();
  }
}

describe('a pause', () => {
  it('lets what has begun end, begins nothing, and goes on where it stood', async () => {
    const [pause, done]: [Pause, number[]] = [new Pause(), []];
    const run = runTasks(pause, done);
    await sleep(50);
    const standing = done.length;
    expect(standing).toBeLessThanOrEqual(6);
    await sleep(30);
    expect(done.length).toBe(standing);
    pause.resume();
    await run;
    expect(done.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  it('ends when the run is stopped', async () => {
    const [pause, done]: [Pause, number[]] = [new Pause(), []];
    const stop = new AbortController();
    const run = runTasks(pause, done, stop.signal);
    setTimeout(() => stop.abort(), 30);
    await expect(run).rejects.toMatchObject({ code: 'cancelled' });
    expect(done.length).toBeLessThanOrEqual(6);
  });
});
