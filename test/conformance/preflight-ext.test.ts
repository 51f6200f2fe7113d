import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { ExtVolume } from '../../imaging/fs/ext-inode.ts';
import { readExtFiles } from '../../imaging/preflight/ext-files.ts';
import { readTree } from '../../imaging/preflight/file-tree.ts';
import { readerOf } from '../fixtures/buffer-reader.ts';
import { makeRawDisk } from '../fixtures/disks.ts';
import { expectSurvivesDamage } from '../fixtures/fuzz/survives-damage.ts';
import { run } from '../fixtures/run.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const wanted = {
  files: ['/etc/hostname', '/etc/long', '/etc/sieve', '/etc/none/none'],
  folders: ['/etc', '/etc/many', '/none'],
};

/** With a folder of many files, one file that is long and one with holes. */
async function makeExt(directory: string, flags: readonly string[], many = 900): Promise<string> {
  const [root, file] = [path.join(directory, 'root'), path.join(directory, 'ext')];
  await mkdir(path.join(root, 'etc/many'), { recursive: true });
  await writeFile(path.join(root, 'etc/hostname'), 'web-01\n');
  await writeFile(path.join(root, 'etc/long'), Array.from({ length: 9000 }, (_, i) => `${i}\n`).join(''));
  for (let i = 0; i < many; i++) await writeFile(path.join(root, `etc/many/a-name-of-some-length-${i}`), `${i}`);
  const holes =
    'truncate -s 60000 $1/sieve; for i in $(seq 0 2 14); do echo $i | dd of=$1/sieve bs=4096 seek=$i conv=notrunc status=none; done';
  await run('bash', '-ec', holes, 'bash', path.join(root, 'etc'));
  await makeRawDisk(file, 24 * 2 ** 20);
  await run('mkfs.ext4', '-q', '-F', ...flags, '-d', root, file);
  // Indexes for large directories; e2fsck says by its status that it has changed something.
  await run('bash', '-c', 'e2fsck -fyD $1 > /dev/null; test $? -le 1', 'bash', file);
  return file;
}

const kinds = [
  { name: 'ext4', flags: [] },
  { name: 'ext4, 1 KiB blocks, 32-bit numbers', flags: ['-b', '1024', '-O', '^64bit,^metadata_csum'] },
  { name: 'ext3, 1 KiB blocks', flags: ['-t', 'ext3', '-b', '1024'] },
  { name: 'ext2, 4 KiB blocks, small inodes', flags: ['-t', 'ext2', '-b', '4096', '-I', '128'] },
  { name: 'meta groups, 1 KiB blocks', flags: ['-b', '1024', '-O', 'meta_bg,^resize_inode'] },
];

for (const { name, flags } of kinds) {
  test(`our reader of single files tells what debugfs does: ${name}`, async () => {
    await withTempDirectory(async (directory) => {
      const file = await makeExt(directory, flags);
      const found = await readTree(await ExtVolume.open(readerOf(await readFile(file))), wanted);
      const asked = { files: ['/etc/hostname', '/etc/long', '/etc/none/none'], folders: ['/etc', '/none'] };
      const told = await readExtFiles({ path: file, startBytes: 0 }, asked, new AbortController().signal);
      for (const [at, entries] of told.folders) expect(sort(found.folders.get(at))).toEqual(sort(entries));
      for (const at of asked.files) expect(found.files.get(at)).toEqual(told.files.get(at));
      expect(found.folders.get('/etc/many')).toHaveLength(900);
      const sieve = await readFile(path.join(directory, 'root/etc/sieve'), 'utf8');
      expect(found.files.get('/etc/sieve')).toBe(sieve);
    });
  });
}

function sort(entries: readonly { name: string }[] = []): { name: string }[] {
  return entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

test('no damage to an ext makes looking into it hang, or fail with another error than ours', async () => {
  await withTempDirectory(async (directory) => {
    const damaged = [
      ['-O', '^metadata_csum'],
      ['-t', 'ext2', '-b', '1024'],
    ];
    for (const [i, flags] of damaged.entries()) {
      const place = path.join(directory, String(i));
      await mkdir(place);
      const whole = await readFile(await makeExt(place, flags, 60));
      await expectSurvivesDamage(whole, { copies: 150, changes: 30 }, async (bytes) =>
        readTree(await ExtVolume.open(bytes), wanted),
      );
    }
  });
});
