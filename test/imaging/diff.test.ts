import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { diffImages } from '../../imaging/diff.ts';
import { mergeExtents } from '../../imaging/extent.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { makeRawDisk, noise } from '../fixtures/disks.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const mib = 2 ** 20;

test('exactly the sectors that were changed are different, whatever the size of the chunks', async () => {
  await withTempDirectory(async (folder) => {
    const before = noise(5 * mib + 512, 'disk');
    const after = Buffer.from(before);
    for (const at of [0, 511, 512, 3 * mib - 1, 3 * mib, 5 * mib + 511]) after[at] = (after[at] ?? 0) ^ 1;
    after.fill(0, mib, 2 * mib);
    const store = openMemoryStore();
    const images = { a: before, b: after, 'b small': after };
    for (const [imageName, bytes] of Object.entries(images)) {
      const sourcePath = await makeRawDisk(path.join(folder, imageName), bytes.length, [{ offsetBytes: 0, bytes }]);
      const chunks = imageName === 'b small' ? { chunkSizeBytes: 65_536 } : {};
      await captureImage({ sourcePath, imageName, store, ...chunks });
    }
    const sectors = Array.from({ length: before.length / 512 }, (_, i) => i * 512);
    const changed = mergeExtents(
      sectors
        .filter((at) => before.compare(after, at, at + 512, at, at + 512) !== 0)
        .map((startBytes) => ({ startBytes, lengthBytes: 512 })),
    );
    for (const to of ['b', 'b small']) {
      const diff = await diffImages({ store, from: 'a', to });
      expect(diff).toMatchObject({ same: false, changed, disk: {}, bytesAdded: 0, bytesRemoved: 0 });
    }
    expect(await diffImages({ store, from: 'b', to: 'b small' })).toMatchObject({ same: true, bytesChanged: 0 });
  });
});

test('partitions, table entries and used bytes that differ are told', async () => {
  await withTempDirectory(async (folder) => {
    const disk = await makeRawDisk(path.join(folder, 'disk'), 40 * mib);
    execFileSync('sfdisk', ['-q', disk], {
      input: 'label: gpt\nstart=2048, size=32768, name=one\nstart=34816, size=16384\n',
    });
    const fileSystem = await makeRawDisk(path.join(folder, 'fs'), 16 * mib);
    execFileSync('mkfs.ext4', ['-q', '-F', fileSystem]);
    const put = () =>
      execFileSync('dd', [`if=${fileSystem}`, `of=${disk}`, 'bs=1M', 'seek=1', 'conv=notrunc'], { stdio: 'ignore' });
    put();
    const store = openMemoryStore();
    await captureImage({ sourcePath: disk, imageName: 'before', store });
    const file = path.join(folder, 'file');
    await fs.writeFile(file, noise(2 * mib, 'file'));
    execFileSync('debugfs', ['-w', '-R', `write ${file} file`, fileSystem], { stdio: 'ignore' });
    put();
    execFileSync('sfdisk', ['-q', '--part-label', disk, '1', 'other'], { stdio: 'ignore' });
    execFileSync('sfdisk', ['-q', '--delete', disk, '2'], { stdio: 'ignore' });
    await captureImage({ sourcePath: disk, imageName: 'after', store });
    const diff = await diffImages({ store, from: 'before', to: 'after' });
    expect(diff).toMatchObject({ same: false, tableChanged: true });
    expect(diff.bytesAdded).toBeGreaterThanOrEqual(2 * mib);
    expect(diff.partitions).toMatchObject([
      { number: 1, what: 'changed', fields: { partitionName: ['one', 'other'] } },
      { number: 2, what: 'removed' },
    ]);
    expect(diff.partitions[0]?.bytes).toBeGreaterThanOrEqual(2 * mib);
  });
});
