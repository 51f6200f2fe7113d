import { expect, test, vi } from 'vitest';
import { whileNothingChanges } from '../../../agent/1-boot/look-at-disks.ts';

/** What there is at each moment that it is asked, and then always the last. */
function machineWith(moments: readonly string[]) {
  let moment = 0;
  return async () => moments[Math.min(moment++, moments.length - 1)] ?? '';
}

test('a look during which a disk appears is done again (R12)', async () => {
  const look = vi.fn().mockResolvedValueOnce('without sdb').mockResolvedValue('with sdb');
  expect(await whileNothingChanges(machineWith(['sda', 'sda sdb']), look)).toBe('with sdb');
  expect(look).toHaveBeenCalledTimes(2);
});

test('one during which nothing does is believed at once', async () => {
  const look = vi.fn().mockResolvedValue('seen');
  expect(await whileNothingChanges(machineWith(['sda']), look)).toBe('seen');
  expect(look).toHaveBeenCalledTimes(1);
});

test('a machine that never comes to rest is listed all the same', async () => {
  const look = vi.fn().mockResolvedValue('seen');
  expect(await whileNothingChanges(machineWith([...'abcdefghijklmnop']), look)).toBe('seen');
  expect(look).toHaveBeenCalledTimes(5);
});
