// Looks at a disk that does not answer. The look itself is what never ends here: no real disk hangs.
import { expect, test } from 'vitest';
import { lookWithin } from '../../../imaging/blockdev/bounded-look.ts';

const disk = { devicePath: '/dev/no-such-disk', majorMinor: '999:999' };

test('what a look sees comes back, and what it throws', async () => {
  expect(await lookWithin(disk, async () => null)).toEqual({ answers: true, seen: null });
  await expect(lookWithin(disk, () => Promise.reject(new Error('bad')))).rejects.toThrow('bad');
});

test('a disk that has not answered is not looked at again before it has', async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const silent = { answers: false, isErasing: false, why: 'did not answer within 0.01 s' };
  expect(await lookWithin(disk, () => promise, 10)).toEqual(silent);
  const again = () => Promise.reject(new Error('looked at again'));
  expect(await lookWithin(disk, again, 10)).toEqual(silent);
  resolve('late');
  await promise;
  await expect.poll(() => lookWithin(disk, async () => 'seen')).toEqual({ answers: true, seen: 'seen' });
});
