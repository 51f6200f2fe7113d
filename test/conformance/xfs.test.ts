// Every kind of XFS that mkfs.xfs makes, against xfs_db, the kernel and partclone, and back over random bytes.

import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checksumOf } from '../../imaging/fs/xfs-superblock.ts';
import { mapDisk } from '../../imaging/map.ts';
import { invertToBlocks } from '../fixtures/block-runs.ts';
import { withMount } from '../fixtures/mounts.ts';
import { run } from '../fixtures/run.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';
import { formatXfs, xfsCases } from '../fixtures/xfs-cases.ts';
import { askKernel, askXfsDb, askXfsPartclone, listMounted, listUnmounted } from '../fixtures/xfs-oracles.ts';
import { bringBack, fileSystemConformance } from './file-system-conformance.ts';

fileSystemConformance({
  reader: 'xfs',
  cases: xfsCases,
  askWitnesses: async (filePath, { version }) => {
    const witness = await askXfsDb(filePath);
    // Its bitmap of 2 TiB takes partclone three seconds; two others know them.
    const partclone = witness.blockCount > 2 ** 28 ? [] : await askXfsPartclone(filePath, witness);
    return [witness, ...partclone, ...(version === 5 ? [await askKernel(filePath, witness)] : [])];
  },
  check: (filePath) => run('xfs_repair', '-n', '-o', 'force_geometry', filePath),
  listFiles: (filePath, _scratch, { version }) => (version === 5 ? listMounted : listUnmounted)(filePath),
});

/** The map of a bare file system, and the reason when it is raw. */
async function explain(filePath: string): Promise<string> {
  const { partitions } = await mapDisk(filePath);
  return `${partitions[0]?.reader}: ${partitions[0]?.notes.join()}`;
}

test('a log is clean exactly when xfs_logprint says so, mounted and unmounted, lap after lap', async () => {
  await withTempDirectory(async (folder) => {
    const [filePath, copy] = [join(folder, 'fs.img'), join(folder, 'copy.img')];
    await formatXfs(filePath, 64, ['-b', 'size=1024']);
    const laps = new Set<string>();
    const compare = async (state: 'CLEAN' | 'DIRTY') => {
      await run('cp', '--sparse=always', filePath, copy);
      expect(await run('xfs_logprint', '-t', copy)).toContain(`<${state}>`);
      expect(await explain(copy)).toMatch(state === 'CLEAN' ? /^xfs: $/ : /^raw: its log has not been replayed/);
    };
    for (let round = 0; round < 8; round++) {
      await withMount(filePath, '', async (mounted) => {
        await run(
          'bash',
          '-ec',
          'cd $1; for i in $(seq 1500); do echo > $i; done; sync; rm *; echo > kept; sync',
          'bash',
          mounted,
        );
        await compare('DIRTY');
      });
      await compare('CLEAN');
      // The upper half of a log sequence number is the lap.
      laps.add((await run('xfs_db', '-r', '-c', 'sb 0', '-c', 'p lsn', filePath)).slice(0, -9));
    }
    expect(laps.size).toBeGreaterThan(1);
  });
});

test('an XFS whose log or real-time section is elsewhere is captured sector by sector', async () => {
  await withTempDirectory(async (folder) => {
    const [filePath, other] = [join(folder, 'fs.img'), join(folder, 'other.img')];
    await run('truncate', '-s', '80M', other);
    await formatXfs(filePath, 64, ['-l', `logdev=${other},size=16m`]);
    expect(await explain(filePath)).toMatch(/^raw: its log is on another device/);
    await formatXfs(filePath, 64, ['-f', '-r', `rtdev=${other}`]);
    expect(await explain(filePath)).toMatch(/^raw: it has a real-time section/);
  });
});

test('exchange of ranges and parent pointers, which are newer than xfsprogs here, change nothing about free space', async () => {
  await withTempDirectory(async (folder) => {
    const filePath = join(folder, 'fs.img');
    await formatXfs(filePath, 64, ['-l', 'size=12m']);
    await markNewFeatures(filePath);
    await withMount(filePath, '', (mounted) =>
      run(
        'bash',
        '-ec',
        'cd $1; for i in $(seq 400); do echo $i > $i; done; sync; rm *7; fallocate -l 9M room',
        'bash',
        mounted,
      ),
    );
    const map = await mapDisk(filePath);
    expect(map.partitions[0]).toMatchObject({ reader: 'xfs', notes: [] });
    const witness = await askKernel(filePath, { blockBytes: 4096, blockCount: 16384, free: [] });
    expect(invertToBlocks(map.used, witness)).toEqual(witness.free);
    const target = await bringBack(filePath, folder);
    expect(await listMounted(target)).toEqual(await listMounted(filePath));
  });
});

/** Sets both features in the superblock, as a newer mkfs.xfs does; there are no files yet that would need parent pointers. */
async function markNewFeatures(filePath: string): Promise<void> {
  await using handle = await open(filePath, 'r+');
  const sector = Buffer.alloc(512);
  await handle.read(sector, 0, 512, 0);
  sector.writeUInt32BE(sector.readUInt32BE(216) | 0x40 | 0x80, 216);
  sector.writeUInt32LE(checksumOf(sector, 224), 224);
  await handle.write(sector, 0, 512, 0);
}
