// Files are copied out of an ext file system that nobody mounts, and links are followed within it.
import { readFile, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { openBootFiles } from '../../../agent/6-end/boot-files.ts';
import { run } from '../../fixtures/run.ts';
import { withTempDirectory } from '../../fixtures/temp-directory.ts';

test('a kernel is found by the links that lead to it, and no other file is', async () => {
  await withTempDirectory(async (folder) => {
    const place = (name: string) => path.join(folder, name);
    await writeFile(place('disk'), '');
    await truncate(place('disk'), 16 * 2 ** 20);
    await run('mkfs.ext4', '-q', '-F', place('disk'));
    await writeFile(place('kernel'), Buffer.alloc(300_000, 'k'));
    const commands = [
      ...['mkdir boot', 'mkdir boot/loader', `write ${place('kernel')} boot/vmlinuz-6.1`],
      ...['symlink vmlinuz boot/vmlinuz-6.1', 'symlink boot/vmlinuz /boot/vmlinuz-6.1', 'symlink round round'],
      ...['symlink out ../../etc/passwd', `write ${place('kernel')} boot/loader/a.conf`],
    ];
    await writeFile(place('commands'), commands.map((command) => `${command}\n`).join(''));
    await run('debugfs', '-w', '-f', place('commands'), place('disk'));
    const files = await openBootFiles(place('disk'), 'ext4', place('mount'));
    const copy = async (name: string, maxBytes = 2 ** 20) => await files?.copy(name, place('copy'), maxBytes);
    for (const name of ['/boot/vmlinuz-6.1', '/vmlinuz', '/boot/vmlinuz']) {
      await writeFile(place('copy'), '');
      expect(await copy(name)).toBe(true);
      expect(await readFile(place('copy'))).toEqual(await readFile(place('kernel')));
    }
    for (const name of ['/boot', '/round', '/out', '/nothing', '/boot/nothing']) expect(await copy(name)).toBe(false);
    expect(await copy('/vmlinuz', 299_999)).toBe(false);
    expect(await files?.list('/boot/loader')).toEqual(['a.conf']);
    expect(await files?.list('/nothing')).toEqual([]);
  });
});

test('of a file system that the Deploy-OS cannot read nothing is told', async () => {
  expect(await openBootFiles('/dev/null', 'ntfs', '/nonexistent')).toBe(null);
  expect(await openBootFiles('/dev/null', null, '/nonexistent')).toBe(null);
});
