import { spawnSync } from 'node:child_process';
import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { mapDisk } from '../../imaging/map.ts';
import { proofError, proveImage } from '../../imaging/prove/prove-image.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { noise } from '../fixtures/disks.ts';
import { makeMixedDisk } from '../fixtures/mixed-disk.ts';
import { run } from '../fixtures/run.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const cli = path.join(import.meta.dirname, '../../cli/deploy-os');

async function proveDisk(sourcePath: string) {
  const store = openMemoryStore();
  await captureImage({ sourcePath, imageName: 'one', store });
  const proof = await proveImage({ imageName: 'one', store });
  const verdicts = proof.fileSystems.map(({ fileSystem, verdict }) => [fileSystem, verdict]);
  return { proof, verdicts: Object.fromEntries(verdicts) };
}

/** One fault in each file system that its own tool must see, and that is still recognised as that file system. */
const faults: {
  readonly [fileSystem: string]: (disk: FileHandle, startBytes: number, file: string) => Promise<unknown>;
} = {
  // The inode of a file that its folder still names.
  ext4: (_, start, file) => run('debugfs', '-w', '-R', 'clri <13>', `${file}?offset=${start}`),
  btrfs: async (disk, start) => flip(disk, start + (await find(disk, start, 300, noise(4096, '11'))) + 1000),
  // agf_freeblks of the first allocation group, with a checksum that is no longer right.
  xfs: (disk, start) => flip(disk, start + 512 + 55),
  // The first record of a file of the user's.
  ntfs: async (disk, start) => {
    const boot = await read(disk, start, 512);
    const clusterBytes = boot.readUInt16LE(11) * boot.readUInt8(13);
    await disk.write('BAAD', start + Number(boot.readBigUInt64LE(0x30)) * clusterBytes + 64 * 1024);
  },
  // The bitmap, which mkfs.exfat puts into the first clusters.
  exfat: async (disk, start) => {
    const boot = await read(disk, start, 512);
    await disk.write(Buffer.alloc(2), 0, 2, start + boot.readUInt32LE(88) * 512);
  },
  vfat: async (disk, start) => {
    const boot = await read(disk, start, 512);
    await flip(disk, start + (boot.readUInt16LE(14) + boot.readUInt16LE(22)) * 512 + 40);
  },
  // The first blocks of its main area: nodes and data.
  f2fs: async (disk, start) => {
    const superblock = await read(disk, start + 1024, 1024);
    const mainBlock = superblock.readUInt32LE(96);
    await disk.write(Buffer.alloc(2 ** 21), 0, 2 ** 21, start + mainBlock * 4096);
  },
};

async function read(disk: FileHandle, at: number, length: number): Promise<Buffer> {
  return (await disk.read(Buffer.alloc(length), 0, length, at)).buffer;
}

async function flip(disk: FileHandle, at: number): Promise<void> {
  const [byte = 0] = await read(disk, at, 1);
  await disk.write(Buffer.of(byte ^ 0xff), 0, 1, at);
}

async function find(disk: FileHandle, start: number, sizeMiB: number, bytes: Buffer): Promise<number> {
  const at = (await read(disk, start, sizeMiB * 2 ** 20)).indexOf(bytes);
  if (at < 0) expect.fail('the content is not there');
  return at;
}

test('what is whole is found clean, what is damaged faulty, each by its own tool, and what no tool checks is unproved', async () => {
  await withTempDirectory(async (folder) => {
    const { file } = await makeMixedDisk(folder);
    const whole = await proveDisk(file);
    const clean = Object.fromEntries(Object.keys(faults).map((name) => [name, 'clean']));
    expect(whole.verdicts).toEqual({ ...clean, swap: 'unproved' });
    expect(proofError(whole.proof)).toBeNull();

    await using disk = await open(file, 'r+');
    for (const { fileSystem, startBytes } of (await mapDisk(file)).partitions)
      await faults[fileSystem ?? '']?.(disk, startBytes, file);
    const damaged = await proveDisk(file);
    const faulty = Object.fromEntries(Object.keys(faults).map((name) => [name, 'faulty']));
    expect(damaged.verdicts, JSON.stringify(damaged.proof, null, 1)).toEqual({ ...faulty, swap: 'unproved' });
    expect(proofError(damaged.proof)).toMatchObject({
      code: 'proof-failed',
      message: expect.stringContaining('partition 3'),
    });
  });
});

test('a journal that was not replayed when the power went is replayed on the overlay before the check', async () => {
  await withTempDirectory(async (folder) => {
    const { file } = await makeMixedDisk(folder, ['ext4']);
    // What a mounted file system looks like from outside: its journal wants to be replayed. The replay mends nothing else.
    await run('debugfs', '-w', '-R', 'feature needs_recovery', `${file}?offset=1048576`);
    const replayed = await proveDisk(file);
    expect(replayed.proof.fileSystems[0]?.said).not.toMatch(/recovery/);
    expect(replayed.verdicts).toEqual({ ext4: 'clean' });
    await run('debugfs', '-w', '-R', 'clri <13>', `${file}?offset=1048576`);
    expect((await proveDisk(file)).verdicts).toEqual({ ext4: 'faulty' });
  });
});

test('on the command line a proof that fails is exit status 7, with the verdicts on stdout and the reason on stderr', async () => {
  await withTempDirectory(async (folder) => {
    const { file } = await makeMixedDisk(folder, ['vfat']);
    await using disk = await open(file, 'r+');
    const at = ['--store', `${folder}/store`, '--json'];
    const proveBy = (name: string) => spawnSync(cli, ['image', 'prove', name, ...at], { encoding: 'utf8' });
    spawnSync(cli, ['image', 'capture', file, 'whole', ...at]);
    const whole = proveBy('whole');
    expect(JSON.parse(whole.stdout)).toMatchObject({ name: 'whole', fileSystems: [{ verdict: 'clean' }], boot: null });
    expect(whole.status).toBe(0);
    await faults.vfat?.(disk, 2 ** 20, file);
    spawnSync(cli, ['image', 'capture', file, 'damaged', ...at]);
    const damaged = proveBy('damaged');
    expect(damaged.status).toBe(7);
    expect(JSON.parse(damaged.stdout)).toMatchObject({ fileSystems: [{ verdict: 'faulty', tool: 'fsck.fat -n' }] });
    expect(damaged.stderr).toMatch(/'damaged' is not proved: partition 1: fsck.fat -n finds the vfat faulty/);
  });
});
