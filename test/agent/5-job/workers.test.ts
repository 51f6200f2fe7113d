import { expect, it } from 'vitest';
import { chooseWorkers, readAvailableMemory } from '../../../agent/5-job/workers.ts';

const mebibyte = 2 ** 20;

it('uses every processor when there is memory, and at least one thread when there is none', () => {
  expect(chooseWorkers(4096 * mebibyte, 8)).toBe(8);
  expect(chooseWorkers(0, 8)).toBe(1);
  expect(chooseWorkers(64 * 1024 * mebibyte, 128)).toBe(16);
});

it('takes fewer threads where little memory is left', () => {
  // What a guest of 512 MiB and one of 768 MiB have left.
  expect(chooseWorkers(265 * mebibyte, 8)).toBe(2);
  expect(chooseWorkers(520 * mebibyte, 8)).toBe(6);
});

it('reads how much memory is available here', async () => {
  expect(await readAvailableMemory()).toBeGreaterThan(mebibyte);
});
