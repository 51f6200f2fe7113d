// An EFI system partition that a restore has put onto sectors of 4096 bytes, in the hands of Linux, which reads no FAT of smaller sectors than the disk's.
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { restoreImage } from '../../imaging/restore.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { Site } from '../../scripts/lab/site.ts';
import { makeRawDisk, noise } from '../fixtures/disks.ts';
import { makeEmptyFat } from '../fixtures/fat-cases.ts';
import { tool } from '../fixtures/grow-cases.ts';
import { runInGuest } from '../fixtures/guest.ts';
import { withLoop } from '../fixtures/mounts.ts';
import { runsAll } from '../fixtures/run-all.ts';

const mib = 2 ** 20;
let folder: string;
beforeAll(async () => {
  folder = await Site.makeFolder();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const script = `
cat /sys/block/vda/queue/logical_block_size
mount -t vfat /dev/vda1 /mnt
sha256sum < /mnt/EFI/BOOT/BOOTX64.EFI
dd if=/dev/zero of=/mnt/more bs=1M count=20 status=none
umount /mnt
`;

/** Held against fsck.fat and mtools: test/conformance/convert-fat.test.ts. */
test.skipIf(!runsAll)('is mounted, has its file, takes another, and is sound afterwards', async () => {
  const file = await makeRawDisk(path.join(folder, 'file'), 0, [{ offsetBytes: 0, bytes: noise(3 * mib, 'file') }]);
  const fat = path.join(folder, 'fat');
  await makeEmptyFat({ sizeKiB: 300 * 1024, flags: '-F 32 -n ESP' }, fat);
  tool('mmd', '-i', fat, '::EFI', '::EFI/BOOT');
  tool('mcopy', '-i', fat, file, '::EFI/BOOT/BOOTX64.EFI');
  const disk = await makeRawDisk(path.join(folder, 'source'), 302 * mib);
  tool('sgdisk', '-n', '1:2048:+300M', '-t', '1:ef00', disk);
  tool('dd', `if=${fat}`, `of=${disk}`, 'bs=1M', 'seek=1', 'conv=notrunc,sparse', 'status=none');
  const store = openMemoryStore();
  await captureImage({ sourcePath: disk, imageName: 'one', store });
  const target = await makeRawDisk(path.join(folder, 'target'), 302 * mib);
  await withLoop(target, ['--sector-size', '4096'], (targetPath) =>
    restoreImage({ imageName: 'one', targetPath, store }),
  );
  const said = await runInGuest({
    ...{ modules: ['vfat', 'nls_cp437', 'nls_iso8859-1', 'nls_utf8', 'nls_ascii'], disks: [target], script },
    ...{ sectorSizeBytes: 4096, folder: path.join(folder, 'guest') },
  });
  expect(said).toEqual(['4096', `${tool('sha256sum', file).slice(0, 64)}  -`]);
  tool('dd', `if=${target}`, `of=${fat}`, 'bs=1M', 'skip=1', 'count=300', 'conv=sparse', 'status=none');
  // With its label and folders.
  expect(tool('fsck.fat', '-n', fat)).toMatch(/: 5 files/);
});
