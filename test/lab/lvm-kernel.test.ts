// A volume group that a restore has grown and given new ids without the device mapper, in the hands of a kernel that has one.
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { restoreImage } from '../../imaging/restore.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { Site } from '../../scripts/lab/site.ts';
import { makeRawDisk, noise } from '../fixtures/disks.ts';
import { tool } from '../fixtures/grow-cases.ts';
import { runInGuest } from '../fixtures/guest.ts';
import { withMount } from '../fixtures/mounts.ts';
import { runsAll } from '../fixtures/run-all.ts';
import { createVolume, groupName, makeGroupDisk, putVolume } from '../fixtures/volume-disks.ts';

const mib = 2 ** 20;
let folder: string;
beforeAll(async () => {
  folder = await Site.makeFolder();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What docs/operations/another-disk.md says of two groups of one name. */
const script = `
mkdir /captured
lvm vgrename $(lvm pvs --noheadings -o vg_uuid /dev/vda1) restored > /dev/null
lvm vgchange --activate y --noudevsync > /dev/null
lvm vgmknodes > /dev/null
mount -t ext4 /dev/mapper/restored-root /mnt
mount -t ext4 /dev/mapper/${groupName}-root /captured
sha256sum < /captured/file
sha256sum < /mnt/file
dd if=/dev/zero of=/mnt/more bs=1M count=100 status=none
stat -c %s /mnt/more
umount /mnt /captured
`;

/** Without a kernel: test/conformance/grow-volumes.test.ts and new-ids-volumes.test.ts. */
test.skipIf(!runsAll)(
  'is activated beside the captured one, mounts, has its file, and takes more than fitted before',
  async () => {
    const file = await makeRawDisk(path.join(folder, 'file'), mib, [{ offsetBytes: 0, bytes: noise(mib, 'file') }]);
    const content = await makeRawDisk(path.join(folder, 'content'), 40 * mib);
    tool('mkfs.ext4', '-q', '-F', content);
    await withMount(content, '', async (root) => tool('cp', file, root));
    const place = { sizeBytes: 64 * mib };
    const disk = await makeGroupDisk(path.join(folder, 'source'), place, async (lvm) => {
      await createVolume(lvm, 'root', 20);
      await createVolume(lvm, 'swap', 4);
      await lvm('lvextend', '-l', '40', 'GROUP/root');
    });
    await putVolume(disk, place, 'root', content);
    const store = openMemoryStore();
    await captureImage({ sourcePath: disk, imageName: 'one', store });
    const target = await makeRawDisk(path.join(folder, 'target'), 160 * mib);
    await restoreImage({ imageName: 'one', targetPath: target, store, grow: 1, growVolume: 'root', newIds: true });
    const said = await runInGuest({
      ...{ modules: ['dm_mod', 'ext4', 'crc32c_generic'], programs: ['/sbin/lvm'], disks: [target, disk], script },
      folder: path.join(folder, 'guest'),
    });
    const digest = `${tool('sha256sum', file).slice(0, 64)}  -`;
    expect(said.slice(-3)).toEqual([digest, digest, String(100 * mib)]);
  },
);
