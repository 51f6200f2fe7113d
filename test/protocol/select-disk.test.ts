import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Disk } from '../../imaging/blockdev/disk.ts';
import { toDeployError } from '../../protocol/errors.ts';
import { type DiskSelector, diskSelectorSchema } from '../../protocol/scenario.ts';
import { selectDisk } from '../../protocol/select-disk.ts';
import { makeDisk } from '../fixtures/make-disk.ts';

const three = [1, 2, 3].map((number) => makeDisk(number, { wwn: `0x500000000000000${number}` }));

function codeOf(disks: readonly Disk[], selector: DiskSelector): string {
  try {
    return selectDisk(disks, selector).id;
  } catch (thrown) {
    return toDeployError(thrown).code;
  }
}

const anySelector: fc.Arbitrary<DiskSelector> = fc.oneof(
  fc.constant({ by: 'only' } as const),
  fc.constantFrom('S1', 'S2', 'nothing').map((serial) => ({ by: 'serial', serial }) as const),
  fc.constantFrom('serial-QEMU-S1', 'wwn-x', 'twin').map((id) => ({ by: 'id', id }) as const),
  fc.constantFrom('0x5000000000000001', '50:00:00:00:00:00:00:02').map((wwn) => ({ by: 'wwn', wwn }) as const),
  fc.integer({ min: 1, max: 5 }).map((number) => ({ by: 'number', number }) as const),
);

describe('the disk that a step means', () => {
  it('is found by id, serial number, WWN in any spelling, and number', () => {
    const selectors: DiskSelector[] = [
      { by: 'id', id: 'serial-QEMU-S2' },
      { by: 'serial', serial: ' S2 ' },
      { by: 'wwn', wwn: '0x5000000000000002' },
      { by: 'wwn', wwn: 'wwn-0x5000000000000002' },
      { by: 'wwn', wwn: 'naa.5000000000000002' },
      { by: 'wwn', wwn: '50:00:00:00:00:00:00:02' },
      { by: 'number', number: 2 },
    ];
    for (const selector of selectors) expect(selectDisk(three, selector).number).toBe(2);
  });

  it('is the only disk when there is one, and no disk when there are two', () => {
    expect(selectDisk([makeDisk(1)], { by: 'only' }).number).toBe(1);
    expect(codeOf(three, { by: 'only' })).toBe('selector-ambiguous');
    expect(codeOf([], { by: 'only' })).toBe('selector-none');
  });

  it('is not guessed: a part of a serial number, another case, or an empty WWN matches nothing', () => {
    expect(codeOf(three, { by: 'serial', serial: 'S' })).toBe('selector-none');
    expect(codeOf(three, { by: 'serial', serial: 's2' })).toBe('selector-none');
    expect(codeOf([makeDisk(1, { wwn: null })], { by: 'wwn', wwn: '0x' })).toBe('selector-none');
  });

  it('is refused when two disks carry one id, as cheap USB bridges do', () => {
    const twins = [makeDisk(1, { serial: '0001' }), makeDisk(2, { serial: '0001' })];
    expect(codeOf(twins, { by: 'serial', serial: '0001' })).toBe('selector-ambiguous');
  });

  it('is found by where it is, its bus, its model and its size, if one fits all of that', () => {
    const disks = [
      makeDisk(1, { bus: 'nvme', model: 'SAMSUNG MZVL2512', sizeBytes: 512e9 }),
      makeDisk(2, { bus: 'sata', model: 'ST2000NM0008', sizeBytes: 2000e9 }),
      makeDisk(3, { bus: 'usb', model: 'SAMSUNG FLASH', sizeBytes: 64e9, location: 'removable' }),
    ];
    const where = (conditions: object) => codeOf(disks, diskSelectorSchema.parse({ by: 'where', ...conditions }));
    expect(where({ bus: 'nvme' })).toBe(disks[0]?.id);
    expect(where({ internal: false })).toBe(disks[2]?.id);
    expect(where({ internal: true })).toBe('selector-ambiguous');
    expect(where({ internal: true, minBytes: 1000e9 })).toBe(disks[1]?.id);
    expect(where({ model: 'samsung*' })).toBe('selector-ambiguous');
    expect(where({ model: 'samsung*', maxBytes: 100e9 })).toBe(disks[2]?.id);
    expect(where({ model: '*2000*8' })).toBe(disks[1]?.id);
    expect(where({ model: 'samsung' })).toBe('selector-none');
    expect(() => where({})).toThrow();
  });

  it('is the one that an image came from, by model and serial number', () => {
    const source = { model: 'QEMU HARDDISK', serial: 'S2' };
    const selector = { by: 'image', image: 'web' } as const;
    expect(selectDisk(three, selector, new Map([['web', source]])).number).toBe(2);
    const other = new Map([['web', { ...source, model: 'another' }]]);
    expect(() => selectDisk(three, selector, other)).toThrow("the disk that 'web' was captured from");
  });

  it('is its own of several, and never one disk twice', () => {
    const of = [{ by: 'number', number: 3 } as const, { by: 'serial', serial: 'S1' } as const];
    expect(selectDisk(three, { by: 'each', of, pick: 1 }).number).toBe(1);
    const twice = [...of, { by: 'id', id: 'serial-QEMU-S3' } as const];
    expect(codeOf(three, { by: 'each', of: twice, pick: 1 })).toBe('selector-ambiguous');
    expect(codeOf(three.slice(0, 2), { by: 'each', of, pick: 1 })).toBe('selector-none');
  });

  it('is refused with a list of what is there', () => {
    expect(() => selectDisk(three, { by: 'number', number: 9 })).toThrow(/disk 1 .*S1.*disk 2 .*S2.*disk 3 .*S3/);
    expect(() => selectDisk([], { by: 'number', number: 9 })).toThrow('no disk at all');
  });

  it('does not depend on the order in which the kernel shows them', () => {
    const twins = [...three, makeDisk(4, { id: 'twin' }), makeDisk(5, { id: 'twin' })];
    fc.assert(
      fc.property(fc.shuffledSubarray(twins, { minLength: twins.length }), anySelector, (shuffled, selector) => {
        expect(codeOf(shuffled, selector)).toBe(codeOf(twins, selector));
      }),
    );
  });
});
