// A disk as segments of a bar.
import { expect, it } from 'vitest';
import { segmentsOf, widthsOf } from '../../console/components/disk-shape.ts';
import { serverDisks, stationDisks, workstationDisks } from '../fixtures/console/made-disks.ts';

const GiB = 1024 ** 3;

it('a disk that was read is shown as it lies, with what is used and what is free', () => {
  const [disk] = stationDisks('1');
  if (disk === undefined) throw new Error('no disk');
  expect(segmentsOf(disk).map(({ number, contents, family }) => [number, contents, family])).toEqual([
    [1, 'ntfs', 'windows'],
    [2, 'ntfs', 'windows'],
    [null, null, 'free'],
  ]);
  expect(segmentsOf(disk)[1]?.usedBytes).toBe(Math.round(95 * GiB * 0.55));
  const total = segmentsOf(disk).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  expect(disk.sizeBytes - total).toBeLessThan(64 * 1024 ** 2);
});

it('a disk that was not read is shown by its table, and one without a table as a whole', () => {
  const [disk] = serverDisks('1').map((one) => ({ ...one, map: null }));
  if (disk === undefined) throw new Error('no disk');
  expect(segmentsOf(disk).map(({ number, usedBytes }) => [number, usedBytes])).toEqual([
    [1, null],
    [2, null],
    [3, null],
    [null, null],
  ]);
  const whole = { ...disk, partitions: [], contents: { type: 'ext4', label: 'data', uuid: null } };
  expect(segmentsOf(whole)).toMatchObject([{ number: 0, family: 'linux', label: 'data', sizeBytes: disk.sizeBytes }]);
  expect(segmentsOf({ ...disk, partitions: [] })).toMatchObject([{ number: null, family: 'free' }]);
});

it('widths add up to the whole bar, and the smallest can still be seen', () => {
  const [disk] = workstationDisks('1');
  if (disk === undefined) throw new Error('no disk');
  for (const sizes of [segmentsOf(disk), [{ sizeBytes: 1 }, { sizeBytes: 8e12 }], Array(60).fill({ sizeBytes: 5 })]) {
    const widths = widthsOf(sizes);
    expect(widths.reduce((sum, width) => sum + width, 0)).toBeCloseTo(100, 6);
    expect(Math.min(...widths)).toBeGreaterThanOrEqual(Math.min(2.5, 100 / sizes.length) - 1e-9);
  }
});
