import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CheckedDisk, MappedPartition } from '../../../protocol/disk-check.ts';
import { compareDisks } from '../../../server/disk-checks/compare-disks.ts';
import { makeChecked, makeHealth, makePartition, unread } from '../../fixtures/checked-disks.ts';

const two = [makeChecked(1), makeChecked(2)];

/** The kinds of the differences, and their sentences. */
function differ(before: readonly CheckedDisk[], after: readonly CheckedDisk[]) {
  const found = compareDisks(before, after);
  return { kinds: found.map(({ kind }) => kind), text: found.map(({ message }) => message).join('\n') };
}

/** Disk 1 before and after it has changed. */
const change = (before: Partial<CheckedDisk>, after: Partial<CheckedDisk>) =>
  differ([makeChecked(1, before)], [makeChecked(1, after)]);

const whole = {
  level: 'raid1',
  metadata: '1.2',
  health: 'whole',
  readOnly: false,
  members: 2,
  missing: 0,
  dirty: false,
  done: null,
} as const;
const part = (n: number, state: string | null = 'running') => ({
  ...{ devicePath: `/dev/sd${n}`, model: 'WD', serial: `W${n}`, place: `port-${n}`, state, role: null },
});
const map = (...partitions: MappedPartition[]) =>
  ({ table: 'gpt', tableId: 't', usedBytes: 0, partitions, notes: [] }) as const;

describe('two checks of one machine', () => {
  it('that are equal do not differ, however often a disk was renamed by the kernel', () => {
    expect(differ(two, two).kinds).toEqual([]);
    expect(change({}, { kernelName: 'sdq', devicePath: '/dev/sdq' }).kinds).toEqual([]);
  });

  it('tell which disk is gone, by what it is, and that others have moved up', () => {
    const { kinds, text } = differ(two, [makeChecked(2, { number: 1 })]);
    expect(kinds).toEqual(['gone', 'number']);
    expect(text).toContain('disk 1 (QEMU HARDDISK, serial S1, 8.0 GiB, id serial-QEMU-S1) is gone');
    expect(text).toContain('disk 1 (QEMU HARDDISK, serial S2, 8.0 GiB, id serial-QEMU-S2) was disk 2 before');
  });

  it('tell which disk is new, and what is wrong with it already', () => {
    const bad = makeChecked(2, { health: makeHealth({ passed: false }), map: null, readError: 'EIO' });
    expect(differ([makeChecked(1)], [makeChecked(1), makeChecked(2)]).kinds).toEqual(['new']);
    expect(differ([makeChecked(1)], [makeChecked(1), bad]).kinds).toEqual(['new', 'unreadable', 'health']);
  });

  it('tell of another size, to the byte where that is needed, other sectors, and write protection', () => {
    expect(change({}, { sizeBytes: 2 ** 33 + 512 }).text).toContain('8589935104 bytes, before 8589934592');
    expect(change({}, { sizeBytes: 2 ** 34 }).text).toContain('16.0 GiB, before 8.0 GiB');
    expect(change({}, { sectorSizeBytes: 4096 }).kinds).toEqual(['size']);
    expect(change({}, { readOnly: true }).kinds).toEqual(['read-only']);
  });

  it('tell of another hidden area and another lock, where both know of it', () => {
    expect(change({ hiddenBytes: 0 }, { hiddenBytes: 4096 })).toMatchObject({
      kinds: ['hidden'],
      text: expect.stringContaining('has 4096 bytes in a hidden area (host-protected), before 0'),
    });
    expect(change({ hiddenBytes: null }, { hiddenBytes: 4096 }).kinds).toEqual([]);
    const [off, open, locked] = (['off', 'open', 'locked'] as const).map((ata) => ({ locks: { ata, opal: null } }));
    expect(change(off ?? {}, locked ?? {})).toMatchObject({
      kinds: ['lock'],
      text: expect.stringContaining('has another state of its ATA password: locked, before not set'),
    });
    expect(change(locked ?? {}, open ?? {}).kinds).toEqual(['lock']);
    expect(change({ locks: { ata: 'none', opal: null } }, { locks: { ata: 'none', opal: 'locked' } }).kinds).toEqual(
      [],
    );
  });

  it('tell of an array that is degraded, by which member, and not of how far it is rebuilt', () => {
    const before = { kind: 'array', array: whole, parts: [part(1), part(2)] } as const;
    const { kinds, text } = change(before, {
      ...{ kind: 'array', array: { ...whole, health: 'degraded', missing: 1 }, parts: [part(1)] },
    });
    expect(kinds).toEqual(['array', 'member-gone']);
    expect(text).toContain('raid1, degraded, 1 of 2 members missing; before: raid1, whole');
    expect(text).toContain('has lost its member (WD, serial W2)');
    const dirty = change(before, { ...before, array: { ...whole, dirty: true } });
    expect(dirty.text).toContain('is raid1, whole, not stopped when it was last in use; before: raid1, whole');
    const rebuilding = { ...whole, health: 'rebuilding' } as const;
    const rebuild = (done: number) => ({ ...before, array: { ...rebuilding, done } });
    expect(change(rebuild(0.1), rebuild(0.9)).kinds).toEqual([]);
    expect(change(rebuild(0.9), before)).toMatchObject({ kinds: ['array'] });
  });

  it('know a member again on another port, and a path only by its port', () => {
    const moved = { ...part(2), place: 'port-7', devicePath: '/dev/sdz' };
    const kind = (kind: 'array' | 'multipath', ...parts: CheckedDisk['parts']) => ({ kind, parts });
    expect(change(kind('array', part(1), part(2)), kind('array', moved, part(1))).kinds).toEqual([]);
    expect(change(kind('multipath', part(1), part(2)), kind('multipath', part(1), moved)).kinds).toEqual([
      ...['path-lost', 'path-back'],
    ]);
  });

  it('tell of a path that is there but does not work', () => {
    const paths = (state: string) => ({ kind: 'multipath', parts: [part(1), part(2, state)] }) as const;
    expect(change(paths('running'), paths('offline')).text).toContain('path port-2 offline now, before running');
    expect(change(paths('offline'), paths('running')).kinds).toEqual(['path-back']);
    expect(change(paths('optimized'), paths('non-optimized')).kinds).toEqual([]);
  });

  it('name the first of very many paths that are lost at once, and count the others', () => {
    const parts = Array.from({ length: 100 }, (_, n) => part(n));
    const { kinds, text } = change({ kind: 'multipath', parts }, { kind: 'multipath', parts: parts.slice(0, 2) });
    expect(kinds).toHaveLength(17);
    expect(text).toContain('differs in 82 more paths');
  });

  it('tell of partitions that came, went and changed', () => {
    expect(change({}, { map: map(makePartition(1), makePartition(2)) }).kinds).toEqual(['partition-new']);
    expect(change({ map: map(makePartition(1), makePartition(2)) }, {}).kinds).toEqual(['partition-gone']);
    const again = (facts: object) => change({}, { map: map(makePartition(1, facts)) });
    expect(again({ fileSystem: 'ntfs' }).text).toContain('in partition 1: ntfs, before ext4');
    expect(again({ uuid: 'u-9' }).text).toContain('another file system (u-9, before u-1)');
    expect(again({ sizeBytes: 2 ** 31 }).text).toContain('2.0 GiB, before 1.0 GiB');
    expect(again({ usedBytes: 5, notes: ['dirty'] }).kinds).toEqual([]);
  });

  it('tell of a file system on a whole disk, and not of a blank disk', () => {
    const blank = { map: map(makePartition(0, { fileSystem: null, uuid: null, label: null })) };
    const bare = { map: map(makePartition(0)) };
    expect(change(blank, bare).text).toContain(
      'has the file system on the whole of it (ext4, root, 1.0 GiB), which is new',
    );
    expect(change(bare, {}).kinds).toEqual(['partition-gone', 'partition-new']);
  });

  it('of which one has not read the disks are compared by what the kernel says, and health is left out', () => {
    expect(differ(two, unread(two)).kinds).toEqual([]);
    expect(differ(unread(two), two).kinds).toEqual([]);
    const partitions = [{ number: 1, devicePath: '/dev/sd11', sizeBytes: 2 ** 29, contents: null, inUseBy: [] }];
    expect(differ(two, unread([makeChecked(1, { partitions }), makeChecked(2)])).kinds).toEqual(['partition-changed']);
  });

  it('tell of health that got worse, once', () => {
    const health = (before: object, after: object) =>
      change({ health: makeHealth(before) }, { health: makeHealth(after) });
    expect(health({}, { passed: false }).text).toContain('says that it is failing');
    expect(health({ passed: false }, { passed: false }).kinds).toEqual([]);
    expect(health({}, { passed: null, temperatureCelsius: 60, powerOnHours: 200 }).kinds).toEqual([]);
    expect(health({}, { reallocatedSectors: 8 }).text).toContain('has 8 reallocated sectors, before 0');
    expect(health({ pendingSectors: null }, { pendingSectors: 8 }).kinds).toEqual([]);
    expect(health({ percentageUsed: 99 }, { percentageUsed: 101 }).kinds).toEqual(['health']);
    const spare = (sparePercent: number) => ({ sparePercent, spareThresholdPercent: 10 });
    expect(health(spare(10), spare(9)).kinds).toEqual(['health']);
    expect(health(spare(9), spare(8)).kinds).toEqual([]);
  });

  it('tell that a disk cannot be read any more', () => {
    expect(change({}, { map: null, readError: 'EIO' }).text).toContain('cannot be read: EIO');
  });

  it('tell that an id is not unique any more, whether the disks share it or have lost it', () => {
    const twin = makeChecked(3, { id: 'serial-QEMU-S1', serial: 'S1' });
    const shared = differ(two, [...two, twin]);
    expect(shared.kinds).toEqual(['new', 'id-shared', 'id-shared']);
    const demoted = (disk: CheckedDisk) => ({
      ...{ ...disk, id: `path-${disk.place}`, idKind: 'path' as const },
      idNote: 'another disk of this machine calls itself serial-QEMU-S1 too',
    });
    const lost = differ(two, [demoted(makeChecked(1)), makeChecked(2), demoted(twin)]);
    expect(lost.kinds).toEqual(['new', 'id-shared']);
    expect(lost.text).toContain('it was serial-QEMU-S1');
    expect(differ([demoted(makeChecked(1))], [makeChecked(1)]).kinds).toEqual(['id-changed']);
  });

  it('tell that another disk hangs where one was that has no name but its place', () => {
    const at = (facts: Partial<CheckedDisk>) => ({ id: 'path-x', idKind: 'path' as const, ...facts });
    expect(change(at({ model: 'A', serial: null }), at({ model: 'B', serial: null })).kinds).toEqual(['replaced']);
  });

  it('have nothing in their sentences that could steer a terminal', () => {
    const steering = change({ model: 'A\u001b[2J' }, { model: 'A\u001b[2J', sizeBytes: 5 });
    expect(steering.text).toContain('A?[2J');
  });
});

const anyDisk = fc
  .record({
    number: fc.integer({ min: 1, max: 6 }),
    id: fc.constantFrom('a', 'b', 'c', 'path-p1'),
    idKind: fc.constantFrom('wwn' as const, 'path' as const),
    idNote: fc.constantFrom(null, 'claimed twice'),
    place: fc.constantFrom('', 'p1', 'p2'),
    serial: fc.constantFrom(null, 'S', 'T'),
    kind: fc.constantFrom('disk' as const, 'array' as const, 'multipath' as const),
    sizeBytes: fc.constantFrom(512, 1024),
    parts: fc.array(
      fc.record({ n: fc.integer({ min: 1, max: 2 }), state: fc.constantFrom(null, 'running', 'offline') }),
    ),
    array: fc.constantFrom(null, whole, { ...whole, health: 'failed' as const }),
    health: fc.constantFrom(null, makeHealth(), makeHealth({ passed: false, reallocatedSectors: 7 })),
    readError: fc.constantFrom(null, 'EIO'),
    volumes: fc.option(fc.subarray([0, 1, 2, 3]), { nil: null }),
  })
  .map(({ number, parts, volumes, ...facts }) =>
    makeChecked(number, {
      ...{ ...facts, parts: parts.map(({ n, state }) => part(n, state)) },
      map: volumes === null ? null : map(...volumes.map((n) => makePartition(n))),
    }),
  );
const anyDisks = fc.uniqueArray(anyDisk, { maxLength: 6, selector: ({ number }) => number });

describe('the comparison', () => {
  it('of a check with itself is empty, in whatever order its disks and their parts stand', () => {
    const same = anyDisks.chain((disks) =>
      fc.tuple(fc.constant(disks), fc.shuffledSubarray(disks, { minLength: disks.length })),
    );
    fc.assert(
      fc.property(same, ([disks, shuffled]) => {
        const turned = shuffled.map((disk) => ({ ...disk, parts: disk.parts.toReversed() }));
        expect(compareDisks(disks, turned)).toEqual([]);
      }),
    );
  });

  it('does not depend on the order of the disks', () => {
    const shuffle = (disks: CheckedDisk[]) => fc.shuffledSubarray(disks, { minLength: disks.length });
    const cases = fc
      .tuple(anyDisks, anyDisks)
      .chain(([a, b]) => fc.tuple(fc.constant([a, b] as const), shuffle(a), shuffle(b)));
    fc.assert(
      fc.property(cases, ([[before, after], shuffledBefore, shuffledAfter]) => {
        expect(compareDisks(shuffledBefore, shuffledAfter)).toEqual(compareDisks(before, after));
      }),
    );
  });

  it('accounts for every disk: what is there less often is gone, what is there more often is new', () => {
    fc.assert(
      fc.property(anyDisks, anyDisks, (before, after) => {
        const kinds = compareDisks(before, after).map(({ kind }) => kind);
        const count = (wanted: string) => kinds.filter((kind) => kind === wanted).length;
        expect(after.length - before.length).toBe(count('new') - count('gone'));
      }),
    );
  });
});
