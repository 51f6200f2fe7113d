// The disk that the lab's machines are bought with. Its installation waits more than it computes: here it has company, in the lab it would be alone.
import { expect, test } from 'vitest';
import { totalBytes } from '../../imaging/extent.ts';
import { mapDisk } from '../../imaging/map.ts';
import { fsckDisk } from '../../scripts/lab/fsck.ts';
import { makeMachineDisk } from '../../scripts/lab/machine-disk.ts';
import { run } from '../fixtures/run.ts';

test('an installed Debian has a sound table and sound file systems, and the deleted data in its free space are not captured', {
  timeout: 900_000,
}, async () => {
  const disk = await makeMachineDisk();
  expect(await run('sgdisk', '-v', disk)).toMatch(/No problems found/);
  expect((await fsckDisk(disk)).map(({ fileSystem }) => fileSystem)).toEqual(['vfat', 'ext4']);
  const { partitions, used } = await mapDisk(disk);
  expect(partitions.map(({ reader }) => reader)).toEqual(['raw', 'fat', 'ext', 'swap']);
  const allocatedBytes = Number(await run('stat', '-c', '%b', disk)) * 512;
  expect(allocatedBytes - totalBytes(used)).toBeGreaterThan(700_000_000);
});
