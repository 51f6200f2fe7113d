import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { digestOf } from '../../imaging/chunk/digest.ts';
import { mountImage } from '../../imaging/mount/mount-image.ts';
import { type DirectoryStore, openDirectoryStore } from '../../imaging/store/directory-store.ts';
import { makeRawDisk, noise } from '../fixtures/disks.ts';
import { storeWithout } from '../fixtures/fault-store.ts';
import { makeMixedDisk } from '../fixtures/mixed-disk.ts';
import { run } from '../fixtures/run.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const mib = 2 ** 20;
const cli = path.join(import.meta.dirname, '../../cli/deploy-os');

async function capture(folder: string, sourcePath: string): Promise<DirectoryStore> {
  const store = await openDirectoryStore(path.join(folder, 'store'), { create: true });
  await captureImage({ sourcePath, imageName: 'one', store });
  return store;
}

async function makeFolder(folder: string): Promise<string> {
  const made = path.join(folder, 'view of 教室 1');
  await fs.mkdir(made);
  return made;
}

async function mountsBelow(folder: string): Promise<string[]> {
  const lines = (await fs.readFile('/proc/self/mounts', 'utf8')).split('\n');
  return lines.filter((line) => line.includes(`${folder}/`));
}

test('every file of every file system is there as on the disk, and so is every byte of the disk', async () => {
  await withTempDirectory(async (folder) => {
    const disk = await makeMixedDisk(folder);
    const store = await capture(folder, disk.file);
    const mounted = await mountImage({ imageName: 'one', store, directory: await makeFolder(folder) });
    try {
      for (const { number, fileSystem, directory, why } of mounted.partitions) {
        expect(fileSystem).toBe(disk.fileSystems[number - 1]);
        if (fileSystem === 'swap') {
          expect(why).toMatch(/swap holds no files/);
          continue;
        }
        // Not every kernel that runs this has a driver for it, and there is none beside the kernel's.
        if (fileSystem === 'f2fs' && directory === null) {
          expect(why).toMatch(/unknown filesystem type/);
          continue;
        }
        expect(directory, why ?? '').not.toBeNull();
        await run('diff', '-r', '-x', 'lost+found', disk.filesFolder, directory ?? '');
        await expect(fs.writeFile(path.join(directory ?? '', 'new'), 'x')).rejects.toThrow(/EROFS|EPERM|EACCES/);
      }
      expect(mounted.partitions.length).toBe(8);
      await run('cmp', '-n', String(65 * mib), disk.file, mounted.disk);
      await run(
        'cmp',
        '-i',
        `${mib}:0`,
        '-n',
        String(64 * mib),
        disk.file,
        path.join(path.dirname(mounted.disk), 'partition-1.img'),
      );
    } finally {
      await mounted.unmount();
    }
    await mounted.ended;
    expect(await mountsBelow(folder)).toEqual([]);
    expect(await run('losetup', '--list', '--noheadings', '--output', 'BACK-FILE')).not.toContain(folder);
  });
});

test('one partition alone, or only the files of the disk and its partitions', async () => {
  await withTempDirectory(async (folder) => {
    const disk = await makeMixedDisk(folder, ['ext4', 'vfat']);
    const store = await capture(folder, disk.file);
    const directory = await makeFolder(folder);
    const options = { imageName: 'one', store, directory };
    const one = await mountImage({ ...options, partition: 2 });
    expect((await fs.readdir(directory)).sort()).toEqual(['2', 'disk.img', 'partition-2.img']);
    await one.unmount();
    const raw = await mountImage({ ...options, raw: true });
    expect((await fs.readdir(directory)).sort()).toEqual(['disk.img', 'partition-1.img', 'partition-2.img']);
    await expect(fs.open(raw.disk, 'r+')).rejects.toThrow(/EROFS|EACCES/);
    await raw.unmount();
    await expect(mountImage({ ...options, partition: 3 })).rejects.toMatchObject({ code: 'invalid-input' });
    await fs.writeFile(path.join(directory, 'precious'), '');
    await expect(mountImage(options)).rejects.toMatchObject({ code: 'mount-point-used' });
    expect(await fs.readdir(directory)).toEqual(['precious']);
  });
});

test('a lost chunk is an I/O error at its place, told with its digest; all else can be read', async () => {
  await withTempDirectory(async (folder) => {
    const bytes = noise(8 * mib, 'x');
    const store = await capture(
      folder,
      await makeRawDisk(path.join(folder, 'disk'), 8 * mib, [{ offsetBytes: 0, bytes }]),
    );
    const lost = digestOf(bytes.subarray(5 * mib, 6 * mib));
    const warnings: string[] = [];
    const directory = await makeFolder(folder);
    const mounted = await mountImage({
      imageName: 'one',
      store: storeWithout(store, lost),
      directory,
      onWarning: (message) => warnings.push(message),
    });
    try {
      await run('cmp', '-n', String(4 * mib), path.join(folder, 'disk'), mounted.disk);
      const fromSix = ['-i', String(6 * mib), path.join(folder, 'disk'), mounted.disk];
      await run('cmp', ...fromSix);
      await expect(run('dd', `if=${mounted.disk}`, 'of=/dev/null', 'bs=1M', 'skip=5', 'count=1')).rejects.toThrow(
        /Input\/output error/,
      );
      expect(warnings.join()).toMatch(/chunk [0-9a-f]{64} is not in/);
    } finally {
      await mounted.unmount();
    }
  });
});

test('a program that is still reading is cut off when its time is up, and nothing stays mounted', async () => {
  await withTempDirectory(async (folder) => {
    const disk = await makeMixedDisk(folder, ['ext4']);
    const store = await capture(folder, disk.file);
    const directory = await makeFolder(folder);
    const warnings: string[] = [];
    const mounted = await mountImage({
      imageName: 'one',
      store,
      directory,
      onWarning: (message) => warnings.push(message),
    });
    const script =
      'exec 3<"$0/1/file 1"; while dd if="$0/disk.img" of=/dev/null iflag=direct bs=1M 2>/dev/null; do :; done';
    const reader = spawn('sh', ['-c', script.replace('file 1', 'file 2'), directory]);
    const ended = once(reader, 'exit');
    await setTimeout(300);
    await mounted.unmount(300);
    await ended;
    expect(warnings.join()).toMatch(/was still in use/);
    expect(await mountsBelow(folder)).toEqual([]);
  });
});

/** `image mount` as a program, once it says that it has mounted. */
async function startCli(directory: string, store: DirectoryStore): Promise<ChildProcess & { said: () => string }> {
  const child = spawn(cli, ['image', 'mount', 'one', directory, '--store', store.label]);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    said += text;
  });
  while (!said.includes('Ctrl-C to unmount')) {
    if (child.exitCode !== null) expect.fail(said);
    await setTimeout(50);
  }
  return Object.assign(child, { said: () => said });
}

test('what a killed mount leaves behind is taken away by the next one, which SIGTERM ends cleanly', async () => {
  await withTempDirectory(async (folder) => {
    const disk = await makeMixedDisk(folder, ['ext4', 'ntfs']);
    const store = await capture(folder, disk.file);
    const directory = await makeFolder(folder);
    const first = await startCli(directory, store);
    first.kill('SIGKILL');
    await once(first, 'exit');
    await expect(run('ls', directory)).rejects.toThrow(/not connected|aborted/);
    expect((await mountsBelow(folder)).length).toBe(3);
    const second = await startCli(directory, store);
    expect(second.said()).toMatch(/left behind by a mount that died/);
    await run('diff', '-r', '-x', 'lost+found', disk.filesFolder, path.join(directory, '1'));
    second.kill('SIGTERM');
    expect(await once(second, 'exit')).toEqual([0, null]);
    expect(await mountsBelow(folder)).toEqual([]);
  });
});
