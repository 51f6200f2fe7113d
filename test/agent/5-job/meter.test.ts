import { expect, it } from 'vitest';
import { Meter } from '../../../agent/5-job/meter.ts';
import type { ProgressPhase } from '../../../imaging/progress.ts';

function makeMeter() {
  let nowMs = 0;
  const meter = new Meter(() => nowMs);
  return {
    meter,
    wait: (ms: number): void => {
      nowMs += ms;
    },
    update: (phase: ProgressPhase, bytesDone: number): boolean =>
      meter.update({ phase, bytesDone, bytesTotal: 1000, bytesTransferred: 0 }),
  };
}

it('gives the rate of the last seconds, not of the whole phase', () => {
  const { meter, wait, update } = makeMeter();
  update('capture', 0);
  let done = 0;
  for (let second = 0; second < 60; second++) {
    wait(1000);
    done += second < 40 ? 100 : 10;
    update('capture', done);
    meter.read();
  }
  expect(meter.read().bytesPerSecond).toBe(10);
});

it('gives no rate yet when a phase has only just begun', () => {
  const { meter, wait, update } = makeMeter();
  update('capture', 0);
  wait(10);
  update('capture', 1000);
  expect(meter.read().bytesPerSecond).toBe(0);
});

it('begins anew with each phase and says that one has begun', () => {
  const { meter, wait, update } = makeMeter();
  expect(update('write', 0)).toBe(true);
  wait(1000);
  expect(update('write', 500)).toBe(false);
  expect(meter.read().bytesPerSecond).toBe(500);
  expect(update('read-back', 0)).toBe(true);
  wait(1000);
  update('read-back', 70);
  expect(meter.read()).toMatchObject({ phase: 'read-back', bytesPerSecond: 70 });
});

it('adds up the seconds of each phase, also of one that comes back', () => {
  const { meter, wait, update } = makeMeter();
  wait(500);
  update('map', 0);
  wait(1000);
  update('capture', 0);
  wait(2000);
  update('map', 0);
  wait(1000);
  expect(meter.secondsByPhase()).toEqual({ prepare: 0.5, map: 2, capture: 2 });
});

it('reads as nothing before the first report', () => {
  expect(makeMeter().meter.read()).toEqual({
    phase: 'prepare',
    bytesDone: 0,
    bytesTotal: 0,
    bytesTransferred: 0,
    bytesPerSecond: 0,
  });
});
