// Pages of TCG's Level 0 Discovery as the specifications lay them out: Storage Architecture Core Specification 2.01, 3.3.6; Opal SSC 2.02, 3.1.1.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listDisks } from '../../../imaging/blockdev/list-disks.ts';
import { addOpalLocks, opalFile, refuseLocked, worstLock } from '../../../imaging/blockdev/locks.ts';
import { judgeAnswer, parseLevel0 } from '../../../imaging/blockdev/opal.ts';
import { listRecorded, recordMachine } from '../../../imaging/blockdev/record.ts';
import { addDevice, addUdev, sataDisk } from '../../fixtures/sysfs-tree.ts';

type Feature = { readonly code: number; readonly data: readonly number[] };

/** The header's length counts what follows it; the answer is filled up to 2048 bytes. */
function pageOf(features: readonly Feature[], { moreBytes = 0, sizeBytes = 2048 } = {}): Buffer {
  const descriptors = features.map(({ code, data }) => {
    const head = Buffer.from([code >> 8, code & 0xff, 0x10, data.length]);
    return Buffer.concat([head, Buffer.from(data)]);
  });
  const header = Buffer.alloc(48);
  const whole = Buffer.concat([header, ...descriptors]);
  whole.writeUInt32BE(whole.length - 4 + moreBytes, 0);
  whole.writeUInt32BE(1, 4);
  return Buffer.concat([whole, Buffer.alloc(Math.max(0, sizeBytes - whole.length))]).subarray(0, sizeBytes);
}

const fill = (flags: number) => [flags, ...Array<number>(11).fill(0)];
const tper: Feature = { code: 0x0001, data: fill(0x11) };
const geometry: Feature = { code: 0x0003, data: Array<number>(28).fill(0) };
const opal2: Feature = { code: 0x0203, data: Array<number>(16).fill(0) };
const locking = (flags: number): Feature => ({ code: 0x0002, data: fill(flags) });

describe('a Level 0 Discovery', () => {
  test.for<[string, Buffer, unknown]>([
    ['of a disk that nobody has taken ownership of', pageOf([tper, locking(0x09), geometry, opal2]), 'off'],
    ['of a disk whose locks are open', pageOf([tper, locking(0x0b), opal2]), 'open'],
    ['of a locked disk', pageOf([tper, geometry, locking(0x0f), opal2]), 'locked'],
    ['of a disk that shows its shadow MBR', pageOf([tper, locking(0x1b), opal2]), 'locked'],
    ['of a disk whose shadow MBR is done with', pageOf([tper, locking(0x3b), opal2]), 'open'],
    ['of a disk that has no locking', pageOf([tper, locking(0x00), opal2]), 'none'],
    ['without a locking feature', pageOf([tper, geometry]), 'none'],
    ['that is longer than what was asked for', pageOf([tper, geometry], { moreBytes: 4000 }), null],
    [
      'whose locking feature comes in the first part of a longer one',
      pageOf([locking(0x0f)], { moreBytes: 4000 }),
      'locked',
    ],
    ['with a locking feature without a byte', pageOf([{ code: 2, data: [] }]), null],
    ['whose last descriptor is cut off', pageOf([tper, locking(0x0f)], { moreBytes: -4 }), null],
    ['of zeros', Buffer.alloc(2048), null],
    ['that is cut off in its header', pageOf([locking(0x0f)], { sizeBytes: 40 }), null],
    ['of nothing', Buffer.alloc(0), null],
  ])('%s', ([, page, expected]) => {
    expect(parseLevel0(page)).toBe(expected);
  });

  test('of any bytes ends with an answer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 44, max: 400 }), (bytes, length) => {
        const page = Buffer.concat([Buffer.alloc(48), bytes]);
        page.writeUInt32BE(length, 0);
        expect(['none', 'off', 'open', 'locked', null]).toContain(parseLevel0(page));
      }),
    );
  });
});

test('an answer is taken for none only where the disk calls the command unknown', () => {
  const nothing = Buffer.alloc(0);
  expect(judgeAnswer(0, pageOf([locking(0x0f)]), '')).toBe('locked');
  expect([5, 9].map((status) => judgeAnswer(status, nothing, ''))).toEqual(['none', 'none']);
  expect(judgeAnswer(48, nothing, 'NVMe Status: Invalid command opcode [0x1]\n')).toBe('none');
  expect(judgeAnswer(48, nothing, 'NVMe Status: Internal error [0x6]\n')).toBe(null);
  for (const status of [2, 15, 33, 99]) expect(judgeAnswer(status, nothing, '')).toBe(null);
});

test('a locked disk is refused, by whichever lock; an open one and one that nobody has asked are not', () => {
  const refused = (locks: Parameters<typeof refuseLocked>[1]) => () => refuseLocked('/dev/sdx (DISK, 8.0 GiB)', locks);
  expect(refused({ ata: 'open', opal: 'locked' })).toThrow(/^\/dev\/sdx .* is locked by an OPAL lock: /);
  expect(refused({ ata: 'locked', opal: null })).toThrow(expect.objectContaining({ code: 'disk-locked' }));
  expect(refused({ ata: 'open', opal: 'open' })).not.toThrow();
  expect(refused({ ata: null, opal: null })).not.toThrow();
});

test('of several disks the worst counts, and what nobody knows is worse than what is open', () => {
  expect(worstLock(['open', 'locked', null])).toBe('locked');
  expect(worstLock(['open', null])).toBe(null);
  expect(worstLock(['none', 'off'])).toBe('off');
  expect(worstLock([])).toBe(null);
});

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'locks-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What udev's ata_id gives, and what is recorded of OPAL locks. */
async function makeMachine(): Promise<string> {
  const root = await mkdtemp(join(folder, 'tree-'));
  const security = 'ID_ATA_FEATURE_SET_SECURITY';
  const udev: Record<string, string>[] = [
    { ID_ATA: '1', [security]: '1', [`${security}_ENABLED`]: '1', [`${security}_LOCKED`]: '1' },
    { ID_ATA: '1', [security]: '1', [`${security}_ENABLED`]: '1' },
    { ID_ATA: '1', [security]: '1', [`${security}_ENABLED`]: '0' },
    { ID_ATA: '1' },
    {},
  ];
  for (const [i, properties] of udev.entries()) {
    const [name, number] = [`sd${'abcde'[i]}`, `8:${16 * i}`];
    await addDevice(root, sataDisk(name, number, i));
    await addUdev(root, number, properties);
  }
  for (const [name, state] of [
    ['sda', 'off'],
    ['sdb', 'locked'],
    ['sdc', 'nonsense'],
  ] as const) {
    await mkdir(dirname(opalFile(root, name)), { recursive: true });
    await writeFile(opalFile(root, name), state);
  }
  return root;
}

const expected = [
  { ata: 'locked', opal: 'off' },
  { ata: 'open', opal: 'locked' },
  { ata: 'off', opal: null },
  { ata: 'none', opal: null },
  { ata: null, opal: null },
];

test('a list of disks has both kinds of locks where somebody has asked, and a recording carries them', async () => {
  const root = await makeMachine();
  const told = (await listDisks(root)).map(({ locks }) => locks.opal);
  expect(told).toEqual([null, null, null, null, null]);
  const asked = await addOpalLocks(await listDisks(root), { root });
  expect(asked.map(({ locks }) => locks)).toEqual(expected);
  const recording = JSON.stringify(await recordMachine(root));
  const recorded = await listRecorded(recording, async (at) => await addOpalLocks(await listDisks(at), { root: at }));
  expect(recorded.map(({ locks }) => locks)).toEqual(expected);
});
