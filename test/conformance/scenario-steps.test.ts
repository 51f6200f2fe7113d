// What a scenario may ask for beyond plain capture and restore, run as the agent runs it, on files for disks.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type JobOutcome, runJob } from '../../agent/5-job/run-job.ts';
import type { Disk } from '../../imaging/blockdev/disk.ts';
import { readPresentTarget } from '../../imaging/read-present-target.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import type { Approval } from '../../protocol/approval.ts';
import { stepSchema } from '../../protocol/scenario.ts';
import { offlineContext } from '../fixtures/agent/offline-context.ts';
import { makeRawDisk, noise } from '../fixtures/disks.ts';
import { writeGpt } from '../fixtures/gpt-table.ts';
import { makeDisk } from '../fixtures/make-disk.ts';

const mib = 2 ** 20;
const store = openMemoryStore();
const log: string[] = [];
let directory: string;

const tool = (program: string, ...args: string[]) =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const file = (name: string) => path.join(directory, name);

/** The machine's disks are the files of the folder; the scenario names them by their serial number. */
async function listDisks(): Promise<Disk[]> {
  const names = (await fs.readdir(directory)).filter((name) => name.startsWith('disk-')).sort();
  const disks = names.map(async (name, index) => {
    const { size } = await fs.stat(file(name));
    const names = { id: `serial-${name}`, serial: name, kernelName: name, devicePath: file(name) };
    return makeDisk(index + 1, { ...names, bus: 'other', model: 'FILE', sizeBytes: size });
  });
  return await Promise.all(disks);
}

async function run(...steps: object[]): Promise<JobOutcome> {
  return await runApproved(undefined, ...steps);
}

async function runApproved(approval: Approval | undefined, ...steps: object[]): Promise<JobOutcome> {
  const context = offlineContext(async () => changeSeen(await listDisks()));
  const job = { type: 'job', jobId: 'j', leaseId: 'l', scenarioName: 'x', end: 'wait' } as const;
  log.length = 0;
  return await runJob(
    { ...job, ...(approval === undefined ? {} : { approval }), steps: steps.map((step) => stepSchema.parse(step)) },
    {
      ...{ context, store, signal: new AbortController().signal },
      listener: { onPhase: () => {}, log: (_, message) => log.push(message) },
    },
  );
}

/** What a look at the machine finds instead of its disks. */
let changeSeen: (disks: Disk[]) => Disk[] = (disks) => disks;
afterEach(() => {
  changeSeen = (disks) => disks;
});

const source = { by: 'serial', serial: 'disk-source' };
const target = { by: 'serial', serial: 'disk-target' };

/** 40 MiB: an ext4 of 16 MiB and a FAT of 16 MiB. */
beforeAll(async () => {
  directory = await fs.mkdtemp('/tmp/deploy-os-steps-');
  const disk = await makeRawDisk(file('disk-source'), 40 * mib);
  writeGpt(disk, [
    { atMib: 1, sizeMib: 16 },
    { atMib: 17, sizeMib: 16 },
  ]);
  for (const [make, seek] of [
    [['mkfs.ext4', '-q', '-F'], 1],
    [['mkfs.vfat'], 17],
  ] as const) {
    const part = await makeRawDisk(file('part'), 16 * mib);
    tool(make[0], ...make.slice(1), part);
    tool('dd', `if=${part}`, `of=${disk}`, 'bs=1M', `seek=${seek}`, 'conv=notrunc,sparse');
  }
  const { error } = await run({ kind: 'capture', source, image: 'web' });
  expect(error).toBe(null);
});
afterAll(() => fs.rm(directory, { recursive: true }));

async function partOf(disk: string, startMib: number, sizeMib: number): Promise<string> {
  tool('dd', `if=${file(disk)}`, `of=${file('part')}`, 'bs=1M', `skip=${startMib}`, `count=${sizeMib}`);
  await fs.truncate(file('part'), sizeMib * mib);
  return file('part');
}

test('grow and newIds: the partition takes the free space, all has new ids, and the log says which', async () => {
  await makeRawDisk(file('disk-target'), 60 * mib);
  const { results, error } = await run({ kind: 'restore', image: 'web', target, grow: 1, newIds: true });
  expect(error).toBe(null);
  expect(results).toHaveLength(1);
  const part = await partOf('disk-target', 1, 42);
  tool('e2fsck', '-fn', part);
  expect(tool('dumpe2fs', '-h', part)).toMatch(new RegExp(`Block count: +${42 * 1024}\\n`));
  expect(log).toContain('partition 1 is grown from 16.0 MiB to 42.0 MiB');
  const uuid = tool('blkid', '-p', '-o', 'value', '-s', 'UUID', part).trim();
  expect(log.join('\n')).toContain(`new id of partition 1 (ext4): ${uuid}, before`);
  const diskGuid = (name: string) => /Disk identifier \(GUID\): (\S+)/.exec(tool('sgdisk', '-p', file(name)))?.[1];
  expect(diskGuid('disk-target')).not.toBe(diskGuid('disk-source'));
});

test('what cannot grow is the job’s error behind a result and a whole disk', async () => {
  await makeRawDisk(file('disk-target'), 60 * mib);
  const outcome = await run({ kind: 'restore', image: 'web', target, grow: 2 }, { kind: 'check' });
  expect(outcome).toMatchObject({ error: { code: 'grow-failed' }, diskHalfWritten: false });
  expect(outcome.results.map(({ kind }) => kind)).toEqual(['restore']);
  tool('fsck.vfat', '-n', await partOf('disk-target', 17, 16));
});

test('partition and toPartition: one partition goes into another one, and every other byte stays', async () => {
  const disk = await makeRawDisk(file('disk-target'), 60 * mib, [
    { offsetBytes: 40 * mib, bytes: noise(mib, 'behind') },
  ]);
  writeGpt(disk, [{ number: 5, atMib: 2, sizeMib: 32 }]);
  const before = await fs.readFile(disk);
  const { error } = await run({ kind: 'restore', image: 'web', target, partition: 1, toPartition: 5, grow: 'last' });
  expect(error).toBe(null);
  const after = await fs.readFile(disk);
  tool('e2fsck', '-fn', await partOf('disk-target', 2, 32));
  expect(after.subarray(0, 2 * mib).equals(before.subarray(0, 2 * mib))).toBe(true);
  expect(after.subarray(34 * mib).equals(before.subarray(34 * mib))).toBe(true);
});

test('partitions: only those are captured; rescue: a sound disk loses nothing', async () => {
  const step = { kind: 'capture', source, image: 'fat alone', partitions: [2], rescue: true, parent: 'web', level: 3 };
  const { results, error } = await run(step);
  expect(error).toBe(null);
  expect(results[0]?.figures).toMatchObject({ lostBytes: 0, slotsSent: 0 });
  const refused = await run({ kind: 'restore', image: 'fat alone', target });
  expect(refused.error?.message).toContain('holds no whole disk, only partition 2');
});

test('was: what the disk holds elsewhere is copied on it, not fetched', async () => {
  await fs.copyFile(file('disk-source'), file('disk-target'));
  const { results, error } = await run({ kind: 'restore', image: 'web', target, was: 'web', delta: 'always' });
  expect(error).toBe(null);
  expect(results[0]?.figures.bytesReused).toBeGreaterThan(0);
  tool('cmp', file('disk-source'), file('disk-target'));
});

test('an approval: what has changed on the target since is not overwritten, and only what was approved is', async () => {
  const disk = await makeRawDisk(file('disk-target'), 60 * mib);
  const approved = async (): Promise<Approval> => {
    const disks = (await listDisks()).map(async ({ id, devicePath, sizeBytes, sectorSizeBytes }) => {
      const { tablesDigest } = await readPresentTarget({ path: devicePath, sizeBytes });
      return { id, label: id, sizeBytes, sectorSizeBytes, tablesDigest };
    });
    return { disks: await Promise.all(disks), again: false };
  };
  const before = await approved();
  writeGpt(disk, [{ atMib: 1, sizeMib: 1 }]);
  const changed = await fs.readFile(disk);
  for (const step of [{}, { partition: 1, toPartition: 0 }]) {
    const { error, diskHalfWritten } = await runApproved(before, { kind: 'restore', image: 'web', target, ...step });
    expect([error?.code, diskHalfWritten]).toEqual(['target-changed', false]);
    expect(error?.message).toContain('first or last MiB');
    expect((await fs.readFile(disk)).equals(changed)).toBe(true);
  }
  const after = await approved();
  await makeRawDisk(file('disk-unexpected'), mib);
  expect((await runApproved(after, { kind: 'restore', image: 'web', target })).error?.message).toContain('is new');
  await fs.rm(file('disk-unexpected'));
  expect((await runApproved(after, { kind: 'restore', image: 'web', target })).error).toBe(null);
});

test('a disk that is swapped, gone or joined by another after it was found is not overwritten, neither whole nor in part', async () => {
  const disk = await makeRawDisk(file('disk-target'), 60 * mib);
  const before = await fs.readFile(disk);
  const approval = {
    disks: (await listDisks()).map((one) => ({ ...one, label: one.id, tablesDigest: null })),
    again: false,
  };
  const swap = (one: Disk): Disk =>
    one.serial === 'disk-target' ? { ...one, id: 'serial-twin', serial: 'twin' } : one;
  const cases = [
    { change: (disks: Disk[]) => disks.map(swap), says: /was chosen, and .*twin.* is .*disk-target now/ },
    { change: (disks: Disk[]) => disks.filter(({ serial }) => serial !== 'disk-target'), says: /and no disk is/ },
    { change: (disks: Disk[]) => [...disks, makeDisk(9, { id: 'serial-new' })], says: /is new/, approval },
  ];
  for (const { change, says, approval } of cases) {
    for (const step of [{}, { partition: 1, toPartition: 0 }]) {
      let looks = 0;
      changeSeen = (disks) => (++looks === 1 ? disks : change(disks));
      const { error, diskHalfWritten } = await runApproved(approval, {
        kind: 'restore',
        image: 'web',
        target,
        ...step,
      });
      expect([error?.code, diskHalfWritten]).toEqual(['target-changed', false]);
      expect(error?.message).toMatch(says);
      expect((await fs.readFile(disk)).equals(before)).toBe(true);
    }
  }
});

test('member: a disk with the mark of an array is captured and overwritten only where the step says so', async () => {
  const mark = { offsetBytes: 40 * mib - 1024, bytes: Buffer.from('Intel Raid ISM Cfg Sig. 1.1.00') };
  await makeRawDisk(file('disk-member'), 40 * mib, [mark]);
  const member = { by: 'serial', serial: 'disk-member' };
  const before = await fs.readFile(file('disk-member'));
  const capture = { kind: 'capture', source: member, image: 'member' };
  const restore = { kind: 'restore', image: 'web', target: member };
  expect(await run(capture)).toMatchObject({ error: { code: 'source-member' } });
  expect(await run(restore)).toMatchObject({ error: { code: 'target-member' } });
  expect(await run({ ...restore, partition: 2, toPartition: 0 })).toMatchObject({ error: { code: 'target-member' } });
  expect((await fs.readFile(file('disk-member'))).equals(before)).toBe(true);
  const steps = [
    { ...capture, member: true },
    { ...restore, member: true },
  ];
  expect((await run(...steps)).error).toBe(null);
  tool('e2fsck', '-fn', await partOf('disk-member', 1, 16));
});

test('allowShared: a disk with a cluster’s file system is captured and overwritten only where the step says so, and the result tells', async () => {
  // A GFS2 by its magic and its type.
  const gfs2 = { offsetBytes: 65536, bytes: Buffer.from('0116197000000001', 'hex') };
  await makeRawDisk(file('disk-shared'), 40 * mib, [gfs2]);
  const shared = { by: 'serial', serial: 'disk-shared' };
  const before = await fs.readFile(file('disk-shared'));
  const capture = { kind: 'capture', source: shared, image: 'shared' };
  const restore = { kind: 'restore', image: 'web', target: shared };
  for (const step of [capture, restore, { ...restore, partition: 2, toPartition: 0 }]) {
    expect(await run(step)).toMatchObject({ error: { code: 'shared-disk' }, diskHalfWritten: false });
  }
  expect((await fs.readFile(file('disk-shared'))).equals(before)).toBe(true);
  const outcome = await run({ ...capture, allowShared: true }, { ...restore, allowShared: true });
  expect(outcome.error).toBe(null);
  const findings = [{ code: 'cluster-file-system', severity: 'warning', partition: 0 }];
  expect(outcome.results).toMatchObject([{ findings }, { findings }]);
  expect(log.join()).toMatch(/GFS2 is a cluster's file system.*\(cluster-file-system\)/);
});

test('shrink: a disk that is too small takes the image with a smaller file system, and one far too small nothing', async () => {
  await makeRawDisk(file('disk-target'), 30 * mib);
  expect(await run({ kind: 'restore', image: 'web', target })).toMatchObject({ error: { code: 'target-too-small' } });
  const { error, results } = await run({ kind: 'restore', image: 'web', target, shrink: true });
  expect(error).toBe(null);
  const [said = ''] = results[0]?.warnings ?? [];
  const smaller = /^partition 1 is restored with (\d+) of its 16777216 bytes$/.exec(said)?.[1];
  const part = await partOf('disk-target', 1, Number(smaller) / mib);
  tool('e2fsck', '-fn', part);
  expect(tool('sgdisk', '-v', file('disk-target'))).toMatch(/No problems found/);
  await makeRawDisk(file('disk-target'), 20 * mib);
  const refused = await run({ kind: 'restore', image: 'web', target, shrink: true });
  expect(refused).toMatchObject({ error: { code: 'target-too-small' }, diskHalfWritten: false });
});
