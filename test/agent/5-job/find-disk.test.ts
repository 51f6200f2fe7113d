// A disk that is not there yet when a step asks for it (R12).
import { expect, test, vi } from 'vitest';
import { findDisk } from '../../../agent/5-job/find-disk.ts';
import type { StepRun } from '../../../agent/5-job/step.ts';
import type { Disk } from '../../../imaging/blockdev/disk.ts';
import { openMemoryStore } from '../../../imaging/store/memory-store.ts';
import { offlineContext } from '../../fixtures/agent/offline-context.ts';
import { makeDisk } from '../../fixtures/make-disk.ts';

const early = makeDisk(1, { serial: 'EARLY' });
const late = makeDisk(2, { serial: 'LATE' });

/** A step whose looks at the machine find one after the other of these, and then always the last. */
function stepSeeing(
  looks: readonly (readonly Disk[])[],
  { lateDiskMs = 1500, signal = new AbortController().signal } = {},
) {
  let look = 0;
  const listDisks = vi.fn(async () => [...(looks[Math.min(look++, looks.length - 1)] ?? [])]);
  const log = vi.fn();
  const step: StepRun = {
    context: offlineContext(listDisks, lateDiskMs),
    ...{ store: openMemoryStore(), stepId: 's', log },
    run: { onProgress: () => {}, onWarning: () => {}, onFinding: () => {}, signal },
  };
  return { step, listDisks, log };
}

test('a disk that comes up later is waited for, and that is said once', async () => {
  const { step, listDisks, log } = stepSeeing([[early], [early], [early], [early, late]]);
  expect(await findDisk({ by: 'serial', serial: 'LATE' }, step)).toBe(late);
  expect(listDisks).toHaveBeenCalledTimes(4);
  expect(log).toHaveBeenCalledTimes(1);
});

test('one that never comes is waited for within the bound, and then refused with what is there', async () => {
  const { step, listDisks } = stepSeeing([[early]], { lateDiskMs: 100 });
  const finding = findDisk({ by: 'serial', serial: 'LATE' }, step);
  await expect(finding).rejects.toMatchObject({ code: 'selector-none', message: expect.stringContaining('EARLY') });
  expect(listDisks.mock.calls.length).toBeGreaterThan(1);
});

test('for several that fit nobody waits', async () => {
  const { step, listDisks, log } = stepSeeing([[early, late]]);
  await expect(findDisk({ by: 'only' }, step)).rejects.toMatchObject({ code: 'selector-ambiguous' });
  expect(listDisks).toHaveBeenCalledTimes(1);
  expect(log).not.toHaveBeenCalled();
});

test('a job that is cancelled meanwhile waits no longer', async () => {
  const controller = new AbortController();
  const { step } = stepSeeing([[early]], { lateDiskMs: 60_000, signal: controller.signal });
  const finding = findDisk({ by: 'serial', serial: 'LATE' }, step);
  setTimeout(() => controller.abort(), 20);
  await expect(finding).rejects.toMatchObject({ code: 'cancelled' });
});
