import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { mapDisk } from '../../../imaging/map.ts';
import { inspectSource } from '../../../imaging/preflight/check-capture.ts';
import { findClusterFileSystems } from '../../../imaging/preflight/shared-disk.ts';
import { describeTestGroup, describeTestVolume, linearAt, makePv } from '../../fixtures/lvm-pv.ts';
import { makeVolumesDisk } from '../../fixtures/system-disks.ts';
import { withTempDirectory } from '../../fixtures/temp-directory.ts';

const mib = 2 ** 20;
const extentBytes = 64 * 1024;
/** GFS2's magic and the type of its superblock, and where they are. */
const [gfs2, gfs2At] = [Buffer.from('0116197000000001', 'hex'), 64 * 1024];

/** A physical volume of 64 extents, all of the disk, with GFS2 from the given extent on. */
function makeDisk(group: Parameters<typeof describeTestGroup>[0], extent: number): Buffer {
  const disk = makePv({ text: describeTestGroup(group), sizeBytes: 6 * mib, dataAtBytes: mib });
  gfs2.copy(disk, mib + extent * extentBytes + gfs2At);
  return disk;
}

const volumes = describeTestVolume('root', 4, linearAt(0)) + describeTestVolume('data', 8, linearAt(10));
const found = { partition: 0, volume: 'vg0/data', fileSystem: 'gfs2' };

test('a cluster’s file system is found in a group that several machines share, before a restore and a capture', async () => {
  await withTempDirectory(async (directory) => {
    const file = path.join(directory, 'disk');
    await makeVolumesDisk(file, [makeDisk({ volumes, more: 'lock_type = "dlm"' }, 10)]);
    expect(await findClusterFileSystems(file)).toEqual([{ ...found, partition: 1 }]);
    const { findings } = await inspectSource(file, await mapDisk(file), {});
    expect(findings).toMatchObject([{ code: 'cluster-file-system', severity: 'refusal', partition: 1 }]);
  });
});

test('a cluster’s file system is found at the start of a volume that goes on on another disk', async () => {
  await withTempDirectory(async (directory) => {
    const file = path.join(directory, 'disk');
    const devices = 'pv1 { id = "other" device = "/dev/sdb" status = ["ALLOCATABLE"] pe_start = 2048 pe_count = 64 }';
    const stripes = 'type = "striped"\nstripe_count = 2\nstripe_size = 512\nstripes = ["pv0", 10, "pv1", 0]';
    await writeFile(file, makeDisk({ volumes: describeTestVolume('data', 8, stripes), devices }, 10));
    expect(await findClusterFileSystems(file)).toEqual([found]);
  });
});

test('extents that belong to no volume, and damaged metadata, are no cluster’s file system', async () => {
  await withTempDirectory(async (directory) => {
    const file = path.join(directory, 'disk');
    await writeFile(file, makeDisk({ volumes }, 30));
    expect(await findClusterFileSystems(file)).toEqual([]);
    const damaged = makeDisk({ volumes: volumes.replace('"pv0", 10', '"pv0", 99999999') }, 10);
    await writeFile(file, damaged);
    expect(await findClusterFileSystems(file)).toEqual([]);
  });
});
