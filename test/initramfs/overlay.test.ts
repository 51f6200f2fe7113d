import { execFileSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { packOverlay } from '../../initramfs/overlay.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

async function put(dir: string, ...files: string[]): Promise<void> {
  for (const file of files) {
    await mkdir(path.dirname(path.join(dir, file)), { recursive: true });
    await writeFile(path.join(dir, file), file);
  }
}

describe('an overlay', () => {
  test('has firmware and modules below a folder of its own, and no tables of another machine', async () => {
    await withTempDirectory(async (dir) => {
      const modules = 'lib/modules/6.12.1-amd64';
      await put(
        dir,
        'usr/lib/firmware/a/x.bin',
        `${modules}/updates/n.ko.xz`,
        `${modules}/modules.dep`,
        'lib/firmware/ä',
      );
      await symlink('x.bin', path.join(dir, 'usr/lib/firmware/a/y.bin'));
      const { cpio, ...counts } = await packOverlay(dir);
      expect(counts).toEqual({ firmwareFiles: 3, modules: new Map([['6.12.1-amd64', 1]]) });
      const names = execFileSync('cpio', ['-it', '--quiet'], { input: cpio, encoding: 'utf8' }).trim().split('\n');
      expect(names.filter((name) => /[.ä]\w*$/.test(name) && !name.endsWith('-amd64'))).toEqual([
        'overlay/lib/firmware/a/x.bin',
        'overlay/lib/firmware/a/y.bin',
        'overlay/lib/firmware/ä',
        `overlay/${modules}/updates/n.ko.xz`,
      ]);
      // Another archive may come after it.
      expect(cpio.length % 4).toBe(0);
    });
  });

  test.each([
    [['etc/passwd'], 'etc/passwd: an overlay has lib/firmware/'],
    [['lib/modules/6.12.1-amd64/readme'], 'readme: no module'],
    [['lib/modules/stray.ko'], 'stray.ko: an overlay has'],
    [['lib/modules/6.12.1-amd64/modules.dep'], 'is empty'],
    [[], 'is empty'],
  ])('is nothing else: %j', async (files, words) => {
    await withTempDirectory(async (dir) => {
      await put(dir, ...files);
      await expect(packOverlay(dir)).rejects.toMatchObject({
        code: 'invalid-input',
        message: expect.stringContaining(words),
      });
    });
  });

  test('of no folder is refused by its name', async () => {
    await expect(packOverlay('/nowhere/at/all')).rejects.toThrow('/nowhere/at/all');
  });
});
