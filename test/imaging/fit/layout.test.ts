import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { growLayout, type Layout, type OldLayout, requiredBytes, shrinkLayout } from '../../../imaging/fit/layout.ts';
import type { Partition } from '../../../imaging/partition/partition.ts';

const mib = 2 ** 20;

function part(number: number, startMib: number, sizeMib: number, container = false): Partition {
  const [type, uuid] = container ? ['0f', ''] : ['83', ''];
  return { number, startBytes: startMib * mib, sizeBytes: sizeMib * mib, type, uuid, name: null, container };
}

function oldLayout(
  type: 'gpt' | 'mbr',
  partitions: readonly Partition[],
  recordsMib: readonly number[] = [],
): OldLayout {
  const ownExtents = [0, ...recordsMib].map((at) => ({ startBytes: at * mib, lengthBytes: 512 }));
  const table = { type, diskId: '', sectorSizeBytes: 512, partitions, ownExtents, notes: [] };
  return { table, sizeBytes: 100 * mib, stepBytes: mib };
}

const gptDisk = (sizeMib: number) => ({ sizeBytes: sizeMib * mib, sectorSizeBytes: 512, backupBytes: 33 * 512 });
const mbrDisk = (sizeMib: number) => ({ sizeBytes: sizeMib * mib, sectorSizeBytes: 512, backupBytes: 0 });

const inMib = ({ places }: Layout) =>
  Object.fromEntries([...places].map(([number, at]) => [number, [at.startBytes / mib, at.sizeBytes / mib]]));

describe('growing', () => {
  const windows = oldLayout('gpt', [part(1, 1, 10), part(3, 11, 50), part(4, 61, 20)]);

  test('the last partition gives it all free space up to the backup table, in whole MiB', () => {
    const layout = growLayout(windows, gptDisk(200), 'last');
    expect(inMib(layout)).toEqual({ 4: [61, 138] });
    expect(layout).toMatchObject({ resized: { number: 4, oldSizeBytes: 20 * mib }, movedByBytes: 0 });
  });

  test('one in the middle moves what lies behind it to the end of the disk', () => {
    const layout = growLayout(windows, gptDisk(200), 3);
    expect(inMib(layout)).toEqual({ 3: [11, 168], 4: [179, 20] });
    expect(layout).toMatchObject({ movedFromBytes: 61 * mib, movedEndBytes: 81 * mib, movedByBytes: 118 * mib });
  });

  test('one in front of a gap takes the gap as well', () => {
    const layout = growLayout(oldLayout('gpt', [part(1, 1, 10), part(2, 40, 50)]), gptDisk(91), 1);
    expect(inMib(layout)).toEqual({ 1: [1, 39], 2: [40, 50] });
  });

  test('where there is no free space changes nothing', () => {
    const full = oldLayout('mbr', [part(1, 1, 99)]);
    expect(growLayout(full, mbrDisk(100), 'last').resized).toBeNull();
  });

  test('a logical partition takes its container along, and what follows moves with its boot record', () => {
    const partitions = [part(1, 1, 9), part(2, 10, 60, true), part(5, 11, 20), part(6, 32, 20), part(3, 70, 10)];
    const layout = growLayout(oldLayout('mbr', partitions, [10, 31]), mbrDisk(180), 5);
    expect(inMib(layout)).toEqual({ 2: [10, 160], 3: [170, 10], 5: [11, 120], 6: [132, 20] });
    const last = growLayout(oldLayout('mbr', partitions.slice(0, 4), [10, 31]), mbrDisk(180), 'last');
    expect(inMib(last)).toEqual({ 2: [10, 170], 6: [32, 148] });
  });

  test('an MBR ends where its 32 bits do', () => {
    const layout = growLayout(oldLayout('mbr', [part(1, 1, 9)]), mbrDisk(3 * 2 ** 20), 'last');
    expect(layout.resized?.place.sizeBytes).toBe(2 ** 41 - 2 * mib);
  });

  test.for([
    ['that is not there', [part(1, 1, 9)], 2, /no partition 2; it has 1/],
    ['that is an extended one', [part(1, 1, 9, true), part(5, 2, 4)], 1, /an extended one/],
    ['that another one overlaps', [part(1, 1, 9), part(2, 5, 20)], 1, /partitions 1 and 2 overlap/],
  ] as const)('a partition %s is invalid-input', ([, partitions, number, message]) => {
    const old = oldLayout('mbr', partitions);
    const error = expect.objectContaining({ code: 'invalid-input', message: expect.stringMatching(message) });
    expect(() => growLayout(old, mbrDisk(100), number)).toThrowError(error);
  });
});

describe('shrinking', () => {
  test('a partition moves up what lies behind it, in whole steps, and says what disk it then fits', () => {
    const old = oldLayout('gpt', [part(1, 1, 10), part(3, 11, 50), part(4, 61, 20)]);
    const layout = shrinkLayout(old, 3, 20 * mib + 4096);
    expect(inMib(layout)).toEqual({ 3: [11, 20 + 1 / 256], 4: [32, 20] });
    expect(requiredBytes(old, layout, gptDisk(100))).toBe(52 * mib + 33 * 512);
  });

  test('a partition that would not become smaller is invalid-input', () => {
    const old = oldLayout('gpt', [part(1, 1, 10)]);
    expect(() => shrinkLayout(old, 1, 10 * mib)).toThrowError(expect.objectContaining({ code: 'invalid-input' }));
  });
});

test('whatever the partitions are, none overlaps another afterwards and what moved is as long as before', () => {
  const sizes = fc.array(fc.record({ gap: fc.nat(5), size: fc.integer({ min: 1, max: 20 }) }), {
    minLength: 1,
    maxLength: 8,
  });
  fc.assert(
    fc.property(sizes, fc.nat(7), fc.integer({ min: 1, max: 400 }), fc.nat(200), (list, which, diskMib, shrinkMib) => {
      let at = 1;
      const partitions = list.map(({ gap, size }, i) => {
        const made = part(i + 1, at + gap, size);
        at += gap + size;
        return made;
      });
      const old = { ...oldLayout('gpt', partitions), sizeBytes: (at + 1) * mib };
      const number = (which % list.length) + 1;
      const chosen = partitions[number - 1] as Partition;
      const disk = gptDisk(Math.max(diskMib, at + 1));
      const newSize = chosen.sizeBytes - Math.min(chosen.sizeBytes - 4096, shrinkMib * 4096 * 7 + 4096);
      for (const layout of [growLayout(old, disk, number), shrinkLayout(old, number, newSize)]) {
        const placed = partitions.map((before) => ({ ...before, ...layout.places.get(before.number) }));
        let end = 0;
        for (const { startBytes, sizeBytes } of placed) {
          expect(startBytes).toBeGreaterThanOrEqual(end);
          end = startBytes + sizeBytes;
        }
        expect(requiredBytes(old, layout, disk)).toBeLessThanOrEqual(disk.sizeBytes);
        expect(Math.abs(layout.movedByBytes) % old.stepBytes).toBe(0);
      }
    }),
  );
});
