// An XFS whose log is another partition or volume of its disk, against xfs_db and xfs_repair, and back over random bytes; and every log that must not be believed.
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { intersect, shift } from '../../imaging/chunk/ranges.ts';
import { mapDisk } from '../../imaging/map.ts';
import { proveImage } from '../../imaging/prove/prove-image.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { invertToBlocks } from '../fixtures/block-runs.ts';
import { describeTree } from '../fixtures/describe-tree.ts';
import { describeTestGroup, describeTestVolume, linearAt, makePv } from '../fixtures/lvm-pv.ts';
import { withLoop, withMount } from '../fixtures/mounts.ts';
import { run } from '../fixtures/run.ts';
import { formatXfs } from '../fixtures/xfs-cases.ts';
import { askXfsDb } from '../fixtures/xfs-oracles.ts';
import { bringBack } from './file-system-conformance.ts';

const mib = 2 ** 20;
/** Places in MiB: the log is a little shorter than its partition. */
const [logPlace, fsPlace, copyPlace, diskMiB] = [{ at: 1, size: 16 }, { at: 20, size: 64 }, { at: 90, size: 16 }, 110];

type Pair = { readonly fs: string; readonly log: string };

let folder = '';
/** After an unmount; while it was mounted, with something to replay; and after another unmount. */
let [early, dirty, late]: Pair[] = [];

const pairIn = (name: string): Pair => ({ fs: path.join(folder, `${name}.fs`), log: path.join(folder, `${name}.log`) });

async function keepAs(name: string, { fs, log }: Pair): Promise<Pair> {
  const kept = pairIn(name);
  await run('cp', '--sparse=always', fs, kept.fs);
  await run('cp', '--sparse=always', log, kept.log);
  return kept;
}

const mounted = <Result>({ fs, log }: Pair, options: string, work: (directory: string) => Promise<Result>) =>
  withLoop(log, [], (logDevice) => withMount(fs, [options, `logdev=${logDevice}`].filter(Boolean).join(), work));

const write = (directory: string, commands: string) => run('bash', '-ec', `cd ${directory}; ${commands}`);

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'external-log-'));
  const live = pairIn('live');
  await run('truncate', '-s', `${logPlace.size}M`, live.log);
  await formatXfs(live.fs, fsPlace.size, ['-l', `logdev=${live.log},size=12m`]);
  const fill = 'mkdir d; for i in $(seq 800); do seq $i 400 > d/$i; done; sync; rm d/*[37]; sync';
  await mounted(live, '', (directory) => write(directory, fill));
  early = await keepAs('early', live);
  await mounted(live, '', async (directory) => {
    await write(directory, 'mv d e; seq 100000 > more; sync; rm e/*5; echo > last; xfs_io -c fsync last');
    dirty = await keepAs('dirty', live);
  });
  late = await keepAs('late', live);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function place(file: string, disk: string, atMiB: number): Promise<void> {
  await run('dd', `if=${file}`, `of=${disk}`, 'bs=1M', `seek=${atMiB}`, 'conv=notrunc,sparse', 'status=none');
}

/** A GPT disk: a partition for the log, one for the file system, and one more. */
async function makeDisk(name: string, fs: string, log: string | undefined, third?: string): Promise<string> {
  const disk = path.join(folder, name);
  await run('truncate', '-s', `${diskMiB}M`, disk);
  const lines = [logPlace, fsPlace, copyPlace].map(({ at, size }) => `start=${at}MiB, size=${size}MiB`);
  await run('bash', '-ec', `printf '${['label: gpt', ...lines].join('\\n')}\\n' | sfdisk -q ${disk}`);
  await place(fs, disk, fsPlace.at);
  if (log !== undefined) await place(log, disk, logPlace.at);
  if (third !== undefined) await place(third, disk, copyPlace.at);
  return disk;
}

const window = (file: string, { at, size }: typeof fsPlace, work: (devicePath: string) => Promise<string>) =>
  withLoop(file, ['--offset', String(at * mib), '--sizelimit', String(size * mib)], work);

test('is read with its log, agrees with xfs_db, and comes back whole', async () => {
  if (late === undefined) throw new Error('nothing was made');
  const disk = await makeDisk('disk', late.fs, late.log);
  const { partitions, used } = await mapDisk(disk);
  expect(partitions).toMatchObject([
    { fileSystem: 'xfs_external_log', fileSystemUuid: null, reader: 'raw', usedBytes: logPlace.size * mib, notes: [] },
    { fileSystem: 'xfs', reader: 'xfs', notes: [] },
    { fileSystem: null, reader: 'raw' },
  ]);
  const witness = await askXfsDb(late.fs);
  const inside = intersect(used, [{ startBytes: fsPlace.at * mib, lengthBytes: fsPlace.size * mib }]);
  expect(invertToBlocks(shift(inside, -fsPlace.at * mib), witness)).toEqual(witness.free);

  const target = await bringBack(disk, folder);
  const restored = pairIn('restored');
  for (const [file, { at, size }] of [
    [restored.log, logPlace],
    [restored.fs, fsPlace],
  ] as const)
    await run('dd', `if=${target}`, `of=${file}`, 'bs=1M', `skip=${at}`, `count=${size}`, 'status=none');
  await window(target, logPlace, (log) =>
    window(target, fsPlace, (fs) => run('xfs_repair', '-n', '-o', 'force_geometry', '-l', log, fs)),
  );
  const list = (pair: Pair) => mounted(pair, 'ro,norecovery,nouuid', describeTree);
  const files = await list(late);
  expect(files.length).toBeGreaterThan(500);
  expect(await list(restored)).toEqual(files);
});

test('is captured sector by sector, with the reason, unless exactly one log says that all is well', async () => {
  if (early === undefined || dirty === undefined || late === undefined) throw new Error('nothing was made');
  const explain = async (name: string, fs: string, log?: string, third?: string) => {
    const { reader, notes } = (await mapDisk(await makeDisk(name, fs, log, third))).partitions[1] ?? {};
    return `${reader}: ${notes?.join()}`;
  };
  expect(await explain('dirty-disk', dirty.fs, dirty.log)).toMatch(/^raw: its log, on another partition, has not been/);
  expect(await explain('lost', late.fs)).toMatch(/^raw: its log is on another device, and is not found on this disk/);
  expect(await explain('twice', late.fs, late.log, late.log)).toMatch(
    /^raw: .* and 2 places on this disk look like it/,
  );
  // A log that was left behind when it moved to another disk: clean, and of the right file system.
  expect(await explain('stale', late.fs, early.log)).toMatch(/^raw: its log, on another partition, is older than/);
  const other = pairIn('other');
  await run('truncate', '-s', `${logPlace.size}M`, other.log);
  await formatXfs(other.fs, fsPlace.size, ['-l', `logdev=${other.log},size=12m`]);
  expect(await explain('foreign', late.fs, other.log)).toMatch(/^raw: .* is not found on this disk/);
  const mixed = path.join(folder, 'mixed.log');
  await writeFile(mixed, withForeignEnd(await readFile(late.log)));
  expect(await explain('mixed', late.fs, mixed)).toMatch(/^raw: its log, on another partition, has not been replayed/);
});

/** `log` with its last record, the one of the unmount, as if another file system had written it. */
function withForeignEnd(log: Buffer): Buffer {
  const records = Array.from({ length: log.length / 512 }, (_, i) => log.subarray(i * 512, (i + 1) * 512)).filter(
    (block) => block.readUInt32BE(0) === 0xfeedbabe,
  );
  const [newest] = records.sort((a, b) => Number(b.readBigUInt64BE(16) - a.readBigUInt64BE(16)));
  newest?.subarray(304, 320).reverse();
  return log;
}

test('is read in a logical volume, with its log in another one', async () => {
  if (late === undefined) throw new Error('nothing was made');
  const extents = (size: number) => size * 16;
  const volumes = [
    describeTestVolume('root', extents(fsPlace.size), linearAt(extents(logPlace.size))),
    describeTestVolume('log', extents(logPlace.size), linearAt(0)),
  ].join('');
  const text = describeTestGroup({ volumes, extents: extents(logPlace.size + fsPlace.size) });
  const sizeBytes = (1 + logPlace.size + fsPlace.size) * mib;
  const disk = path.join(folder, 'lvm');
  await using handle = await open(disk, 'w');
  await handle.write(makePv({ text, sizeBytes, dataAtBytes: mib }), 0, sizeBytes, 0);
  await place(late.log, disk, 1);
  await place(late.fs, disk, 1 + logPlace.size);
  const [physical] = (await mapDisk(disk, { allowMember: true })).partitions;
  expect(physical?.volumes).toMatchObject([
    { name: 'vg0/root', fileSystem: 'xfs', reader: 'xfs', notes: [] },
    { name: 'vg0/log', fileSystem: 'xfs_external_log', reader: 'raw' },
  ]);
});

test('is not called faulty by a proof, which has no log to give to xfs_repair', async () => {
  if (late === undefined) throw new Error('nothing was made');
  const store = openMemoryStore();
  const sourcePath = await makeDisk('proved', late.fs, late.log);
  await captureImage({ sourcePath, imageName: 'one', store, workers: 1 });
  const { fileSystems } = await proveImage({ imageName: 'one', store });
  expect(fileSystems[1]).toMatchObject({ verdict: 'unproved', said: expect.stringContaining('its log is on another') });
});
