// F2FS as a kernel leaves it (sload.f2fs, which fills those of the conformance suite, never overwrites, moves or deletes): read, captured, restored, mounted again.
import { rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mapDisk } from '../../imaging/map.ts';
import { Site } from '../../scripts/lab/site.ts';
import { bringBack } from '../conformance/file-system-conformance.ts';
import { invertToBlocks } from '../fixtures/block-runs.ts';
import { askDumpF2fs, askF2fsPartclone } from '../fixtures/f2fs-oracles.ts';
import { runInGuest } from '../fixtures/guest.ts';
import { run } from '../fixtures/run.ts';
import { runsAll } from '../fixtures/run-all.ts';

/** Years of use in a minute: files of every size written, overwritten in part, extended, renamed and deleted, with syncs between. */
const fill = `
mount -t f2fs /dev/vda /mnt
cd /mnt
mkdir -p a/b/c small
for i in $(seq 300); do echo "file $i" > small/$i; done
dd if=/dev/urandom of=a/large bs=1M count=16 status=none
dd if=/dev/urandom of=a/b/sparse bs=4k count=3 seek=9000 status=none
ln -s ../large a/b/link
ln small/7 a/b/c/hard
sync
for i in $(seq 0 7 300); do rm -f small/$i; done
for i in $(seq 0 40 4000); do dd if=/dev/urandom of=a/large bs=4k count=2 seek=$i conv=notrunc status=none; done
mv small/33 a/b/c/moved
for i in $(seq 2 3 300); do test ! -e small/$i || echo "longer by far than before, number $i" >> small/$i; done
sync
dd if=/dev/zero of=gone bs=1M count=16 status=none
sync
rm gone
truncate -s 5000000 a/large
cd /
umount /mnt
mount -t f2fs /dev/vdb /mnt
dd if=/dev/urandom of=/mnt/unsaved bs=1M count=3 status=none
sync
dd if=/dev/urandom of=/mnt/more bs=4k count=1 conv=fsync status=none
`;

const list = (device: string) => `
mount -t f2fs -o ro ${device} /mnt
cd /mnt
find . -type f -exec sha256sum {} \\; | sort -k 2
find . -exec stat -c '%n %F %a %h %s %Y' {} \\; | sort
cd /
umount /mnt
`;

const modules = ['f2fs', 'crc32_generic', 'crc32c_generic'];
/** The reader's own suite is test/conformance/f2fs.test.ts. */
const seldom = test.skipIf(!runsAll);

let folder: string;
let source: string;
let unclean: string;

beforeAll(async () => {
  if (!runsAll) return;
  folder = await Site.makeFolder();
  [source, unclean] = ['source', 'unclean'].map((name) => path.join(folder, name)) as [string, string];
  for (const file of [source, unclean]) {
    await writeFile(file, '');
    await truncate(file, 128 * 2 ** 20);
    await run('mkfs.f2fs', '-q', '-f', '-O', 'extra_attr,inode_checksum,sb_checksum', file);
  }
  await runInGuest({ modules, disks: [source, unclean], script: fill, folder: path.join(folder, 'filling') });
});

afterAll(async () => {
  if (runsAll) await rm(folder, { recursive: true, force: true });
});

seldom('what a kernel wrote, moved and deleted is read as dump.f2fs and partclone read it', async () => {
  const map = await mapDisk(source);
  expect(map.partitions[0]).toMatchObject({ reader: 'f2fs', notes: [] });
  const witness = await askDumpF2fs(source);
  for (const one of [witness, ...(await askF2fsPartclone(source, witness))]) {
    expect(invertToBlocks(map.used, one)).toEqual(one.free);
  }
});

seldom(
  'it comes back over random bytes: fsck.f2fs is content, and a kernel mounts it and finds every file as it was',
  async () => {
    const target = await bringBack(source, folder);
    await run('fsck.f2fs', '--dry-run', target);
    const script = `${list('/dev/vda')}echo and\n${list('/dev/vdb')}`;
    const said = await runInGuest({ modules, disks: [source, target], script, folder: path.join(folder, 'listing') });
    const files = said.slice(0, said.indexOf('and'));
    expect(files.length).toBeGreaterThan(500);
    expect(said.slice(files.length + 1)).toEqual(files);
  },
);

seldom('one that was never unmounted is captured whole, and says why', async () => {
  const { partitions } = await mapDisk(unclean);
  expect(partitions[0]).toMatchObject({ reader: 'raw', fileSystem: 'f2fs', usedBytes: 128 * 2 ** 20 });
  expect(partitions[0]?.notes.join()).toMatch(/unmounted/);
});
