// Restores of LVM2 groups with new ids, held against LVM's tools, blkid, the file systems' own checks and their files. Where the bytes of
// a volume are is LVM's own word. Where this runs there is no device mapper, and none is wanted.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { finishError } from '../../imaging/finish-restored.ts';
import type { NewIds } from '../../imaging/fit/new-ids.ts';
import { type RestoreOptions, type RestoreResult, restoreImage } from '../../imaging/restore.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { describeTree } from '../fixtures/describe-tree.ts';
import { makeRawDisk, noise } from '../fixtures/disks.ts';
import { tool } from '../fixtures/grow-cases.ts';
import { type LvmCase, lvmCases } from '../fixtures/lvm-cases.ts';
import { checkLvm, listLvmFiles } from '../fixtures/lvm-oracles.ts';
import { describeTestGroup, makePv } from '../fixtures/lvm-pv.ts';
import { withLoop, withMount } from '../fixtures/mounts.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';
import { createVolume, groupName, makeGroupDisk, putVolume, takeVolume, withGroup } from '../fixtures/volume-disks.ts';

const mib = 2 ** 20;

type Content = {
  readonly extents: number;
  readonly make: (file: string) => unknown;
  readonly check: ((file: string) => unknown) | null;
};
const ext4: Content = {
  extents: 16,
  make: (file) => tool('mkfs.ext4', '-q', '-F', file),
  check: (file) => tool('e2fsck', '-fn', file),
};
const xfs: Content = {
  extents: 32,
  make: (file) => tool('mkfs.xfs', '-q', '-f', '--unsupported', file),
  check: (file) => tool('xfs_repair', '-n', file),
};
const swap: Content = { extents: 2, make: (file) => tool('mkswap', '-q', file), check: null };

async function fill(folder: string): Promise<void> {
  await fs.mkdir(path.join(folder, 'a folder'));
  for (let i = 0; i < 20; i++) await fs.writeFile(path.join(folder, 'a folder', `${i}`), noise(i * 9001, `${i}`));
  await fs.symlink('a folder/7', path.join(folder, 'link'));
}

/** Puts the file system into the volume; answers its files. */
async function putContent(disk: string, sizeBytes: number, name: string, { extents, make, check }: Content) {
  const file = await makeRawDisk(`${disk}-${name}`, extents * mib);
  await make(file);
  if (check !== null) await withMount(file, '', fill);
  await putVolume(disk, { sizeBytes }, name, file);
  return check === null ? [] : await withMount(file, 'ro', describeTree);
}

/** What LVM and blkid say of a disk: physical volume, group, and the file system of each of these volumes. */
async function idsOf(disk: string, sizeBytes: number, names: readonly string[]): Promise<string[]> {
  const own = await withGroup(disk, { sizeBytes }, async (lvm, devicePath) => {
    await lvm('vgck', 'GROUP');
    await lvm('pvck', devicePath);
    const pv = await lvm('pvs', '--noheadings', '-o', 'pv_uuid', devicePath);
    return [pv, await lvm('vgs', '--noheadings', '-o', 'vg_uuid', 'GROUP')];
  });
  const inside: string[] = [];
  for (const name of names) {
    const file = await takeVolume(disk, { sizeBytes }, name, `${disk}-${name}`);
    inside.push(tool('blkid', '-p', '-s', 'UUID', '-o', 'value', file));
  }
  return [...own, ...inside].map((id) => id.trim());
}

async function expectFiles(disk: string, name: string, { check }: Content, files: readonly string[]): Promise<void> {
  const file = `${disk}-${name}`;
  await check?.(file);
  expect(await withMount(file, 'ro', describeTree)).toEqual(files);
}

async function restoreOf(disk: string, target: string, options: Partial<RestoreOptions> = {}): Promise<RestoreResult> {
  const store = openMemoryStore();
  await captureImage({ sourcePath: disk, imageName: 'one', store, workers: 1, allowMember: true });
  return await restoreImage({ imageName: 'one', targetPath: target, store, newIds: true, workers: 1, ...options });
}

/** Old and new, of all but the table. */
const changesOf = ({ changed }: NewIds) =>
  changed.filter(({ of }) => /group|system/.test(of)).map((change) => [change.volume, change.oldId, change.newId]);

test('physical volume, group and file systems have new ids, grown or not; names and files are as captured, and LVM takes both disks at once', async () => {
  await withTempDirectory(async (directory) => {
    const [source, target] = [path.join(directory, 'source'), path.join(directory, 'target')];
    const [before, after] = [60 * mib, 90 * mib];
    await makeGroupDisk(source, { sizeBytes: before }, async (lvm) => {
      await createVolume(lvm, 'root', 8);
      await createVolume(lvm, 'swap', 2);
      await lvm('lvextend', '-l', '16', 'GROUP/root');
      await createVolume(lvm, 'data', 32);
    });
    const rootFiles = await putContent(source, before, 'root', ext4);
    const dataFiles = await putContent(source, before, 'data', xfs);
    await putContent(source, before, 'swap', swap);
    await makeRawDisk(target, after + 2 * mib);
    const restored = await restoreOf(source, target, { grow: 'last', growVolume: 'root' });
    expect(restored.grown?.volume).toMatchObject({ name: `${groupName}/root`, sizeBytes: 55 * mib });
    expect(finishError(restored)).toBeNull();

    const names = ['root', 'swap', 'data'];
    const [old, now] = [await idsOf(source, before, names), await idsOf(target, after, names)];
    expect(new Set([...old, ...now]).size).toBe(10);
    const holders = [null, groupName, ...names.map((name) => `${groupName}/${name}`)];
    const byName = (a: unknown, b: unknown) => String(a).localeCompare(String(b));
    expect(changesOf(restored.newIds as NewIds).sort(byName)).toEqual(
      holders.map((holder, i) => [holder, old[i], now[i]]).sort(byName),
    );
    expect(restored.newIds?.kept).toEqual([]);
    await expectFiles(target, 'root', ext4, rootFiles);
    await expectFiles(target, 'data', xfs, dataFiles);

    const range = (sizeBytes: number) => ['--offset', String(mib), '--sizelimit', String(sizeBytes)];
    await withLoop(source, range(before), (one) =>
      withLoop(target, range(after), async (other) => {
        const config = `devices{use_devicesfile=0 filter=["a|^${one}$|","a|^${other}$|","r|.*|"]}`;
        const both = [
          '--config',
          config,
          '--driverloaded',
          'n',
          '--noheadings',
          '-o',
          'vg_uuid,vg_name,pv_count,lv_count',
        ];
        const seen = spawnSync('vgs', both, { encoding: 'utf8' });
        const lines = seen.stdout.trim().split(/\s*\n\s*/);
        expect(lines.sort()).toEqual([old[1], now[1]].map((id) => `${id} ${groupName}   1   3`).sort());
        expect(seen.stderr).not.toMatch(/duplicate PV|PV .* prefers/i);
      }),
    );
  });
});

test('a tool that fails half-way in one volume leaves that one as captured and grown; all others have new ids', async () => {
  await withTempDirectory(async (directory) => {
    const [source, target] = [path.join(directory, 'source'), path.join(directory, 'target')];
    const [before, after] = [40 * mib, 60 * mib];
    await makeGroupDisk(source, { sizeBytes: before }, async (lvm) => {
      for (const name of ['root', 'home']) await createVolume(lvm, name, 16);
    });
    const files = await putContent(source, before, 'root', ext4);
    await putContent(source, before, 'home', {
      ...ext4,
      make: (file) => tool('mkfs.ext4', '-q', '-F', '-L', 'home', file),
    });
    const tools = path.join(directory, 'tools');
    await fs.mkdir(tools);
    const scribble = 'dd if=/dev/urandom of="$3" bs=1M count=9 seek=1 conv=notrunc status=none; sync "$3"';
    const script = `#!/bin/sh\ncase "$(e2label "$3")" in home) ${scribble}; echo no luck; exit 1;; esac\nexec /sbin/tune2fs "$@"\n`;
    await fs.writeFile(path.join(tools, 'tune2fs'), script, { mode: 0o755 });
    await makeRawDisk(target, after + 2 * mib);
    const path0 = process.env.PATH;
    process.env.PATH = `${tools}:${path0}`;
    const restored = await restoreOf(source, target, { grow: 'last', growVolume: 'root' }).finally(() => {
      process.env.PATH = path0;
    });
    const names = ['root', 'home'];
    const [old, now] = [await idsOf(source, before, names), await idsOf(target, after, names)];
    expect(now.map((id, i) => id === old[i])).toEqual([false, false, false, true]);
    expect(changesOf(restored.newIds as NewIds).map(([, , id]) => id)).toEqual(now.slice(0, 3));
    const home = { partition: 1, volume: `${groupName}/home`, fileSystem: 'ext4', id: old[3] };
    expect(restored.newIds?.kept).toEqual([{ ...home, why: expect.stringContaining('no luck') }]);
    expect(finishError(restored)?.message).toMatch(/partition 1, volume deploygrow\/home \(ext4\): .*no luck/);
    expect(restored.grown).toMatchObject({ fileSystemGrown: true, volume: { sizeBytes: 43 * mib } });
    for (const name of names) await expectFiles(target, name, ext4, files);
    expect(tool('dumpe2fs', '-h', `${target}-root`)).toMatch(new RegExp(`Block count: +${43 * 1024}\\n`));
    expect((await fs.readFile(target)).readUInt16LE(510)).toBe(0xaa55);
  });
});

test('thin and read-only volumes keep what is in them and are named; the group has new ids', async () => {
  await withTempDirectory(async (directory) => {
    const [source, target, text] = ['source', 'target', 'text'].map((name) => path.join(directory, name)) as [
      string,
      string,
      string,
    ];
    const sizeBytes = 60 * mib;
    const id = (digit: number) => `${digit}00000-0000-0000-0000-0000-0000-000000`;
    const volume = (name: string, digit: number, status: string, extents: number, segment: string) =>
      `${name} {\nid="${id(digit)}"\nstatus=["READ", "WRITE"${status}]\nflags=[]\nsegment_count=1\nsegment1 {\nstart_extent=0\nextent_count=${extents}\n${segment}\n}\n}\n`;
    const at = (extent: number) => `type="striped"\nstripe_count=1\nstripes=["pv0", ${extent}]`;
    const pool = 'type="thin-pool"\nmetadata="pool_tmeta"\npool="pool_tdata"\ntransaction_id=1\nchunk_size=128';
    const thinVolumes = [
      volume('pool', 1, ', "VISIBLE"', 8, `${pool}\ndiscards="passdown"\nzero_new_blocks=1`),
      volume('pool_tmeta', 2, '', 2, at(40)),
      volume('pool_tdata', 3, '', 8, at(44)),
      volume('thin', 4, ', "VISIBLE"', 50, 'type="thin"\nthin_pool="pool"\ntransaction_id=0\ndevice_id=1'),
    ].join('');
    await makeGroupDisk(source, { sizeBytes }, async (lvm) => {
      for (const name of ['root', 'still']) await createVolume(lvm, name, 16);
      await lvm('lvchange', '--permission', 'r', 'GROUP/still');
      await lvm('vgcfgbackup', '-f', text, 'GROUP');
      const described = await fs.readFile(text, 'utf8');
      await fs.writeFile(text, described.replace(/logical_volumes \{/, `logical_volumes {\n${thinVolumes}`));
      await lvm('vgcfgrestore', '--force', '-f', text, 'GROUP');
    });
    const files = await putContent(source, sizeBytes, 'root', ext4);
    const stillFiles = await putContent(source, sizeBytes, 'still', ext4);
    const restored = await restoreOf(source, target);
    const names = ['root', 'still'];
    const [old, now] = [await idsOf(source, sizeBytes, names), await idsOf(target, sizeBytes, names)];
    expect(now.map((one, i) => one === old[i])).toEqual([false, false, false, true]);
    const kept = (name: string, fileSystem: string | null, one: string | undefined, why: string) => ({
      ...{ partition: 1, volume: `${groupName}/${name}`, fileSystem, id: one ?? null, why },
    });
    expect(restored.newIds?.kept).toEqual([
      kept('thin', null, undefined, 'it is thin'),
      kept('still', 'ext4', old[3], 'it is read-only'),
    ]);
    expect(restored.warnings).toContain(
      `partition 1, volume ${groupName}/thin keeps the id of its content: it is thin`,
    );
    await expectFiles(target, 'root', ext4, files);
    await expectFiles(target, 'still', ext4, stillFiles);
  });
});

test('file systems on stripes have new ids, and LVM and they are as captured but for these', async () => {
  await withTempDirectory(async (directory) => {
    const testCase = lvmCases.find(({ name }) => name.startsWith('stripes of 64 KiB')) as LvmCase;
    const [source, target] = [path.join(directory, 'source'), path.join(directory, 'target')];
    await testCase.make(source);
    const { newIds } = await restoreOf(source, target);
    const changes = changesOf(newIds as NewIds);
    expect(changes).toHaveLength(3);
    expect(newIds?.kept).toEqual([]);
    await checkLvm(target, testCase);
    const now = await listLvmFiles(target, path.join(directory, 'now'), testCase);
    const old = await listLvmFiles(source, path.join(directory, 'old'), testCase);
    const same = (line: string) => !/^\s*(seqno|creation_host|id) = /.test(line);
    expect(now.filter(same)).toEqual(old.filter(same));
    const [pv, group] = changes.map(([, , newId]) => `id = "${newId}"`);
    const ids = (lines: string[]) => lines.map((line) => line.trim()).filter((line) => line.startsWith('id = '));
    expect(ids(now)).toEqual([group, pv, ...ids(old).slice(2)]);
  });
});

test('a group on several disks keeps its ids, with all that is in it, and is as captured', async () => {
  await withTempDirectory(async (directory) => {
    const devices = `pv1 { id = "aaaaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaaaa"
      status = ["ALLOCATABLE"]
      pe_start = 2048
      pe_count = 64
    }`;
    const pv = makePv({ text: describeTestGroup({ devices }), sizeBytes: 6 * mib, dataAtBytes: mib });
    const [source, target] = [path.join(directory, 'source'), path.join(directory, 'target')];
    await fs.writeFile(source, pv);
    const restored = await restoreOf(source, target);
    const why = 'volume group vg0 lies on 2 physical volumes; what is in it keeps its ids, too';
    expect(restored.newIds).toMatchObject({ changed: [], kept: [{ partition: 0, fileSystem: 'LVM2_member', why }] });
    expect(finishError(restored)).toMatchObject({ code: 'new-ids-incomplete' });
    expect((await fs.readFile(target)).equals(pv)).toBe(true);
  });
});

test('without the tools of LVM the restore is refused before its first write', async () => {
  await withTempDirectory(async (directory) => {
    const [source, target] = [path.join(directory, 'source'), path.join(directory, 'target')];
    await fs.writeFile(source, makePv({ text: describeTestGroup({}), sizeBytes: 6 * mib, dataAtBytes: mib }));
    const store = path.join(directory, 'store');
    const cli = path.join(import.meta.dirname, '../../cli/deploy-os');
    tool(cli, 'image', 'capture', source, 'one', '--store', store, '--member');
    // Hidden from this command only: in a mount namespace of its own.
    const hide = 'mount --bind /dev/null "$(command -v pvchange)" && exec "$@"';
    const args = ['image', 'restore', 'one', target, '--store', store, '--new-ids'];
    const ended = spawnSync('unshare', ['--mount', 'sh', '-c', hide, 'sh', cli, ...args], { encoding: 'utf8' });
    expect(ended.stderr).toMatch(/a new id for the LVM2_member takes .*pvchange/);
    expect(ended.status).toBe(6);
    await expect(fs.access(target)).rejects.toThrow();
  });
});
