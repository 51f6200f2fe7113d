import { lstat, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { linkArm64Files, pathsFor } from '../../server/boot/arm64-files.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

async function put(bootDir: string, file: string, content: string): Promise<void> {
  await mkdir(path.dirname(path.join(bootDir, file)), { recursive: true });
  await writeFile(path.join(bootDir, file), content);
}

describe('the files for arm64', () => {
  it('are found in the TFTP tree, beside those for PCs, whose first script stays', async () => {
    await withTempDirectory(async (bootDir) => {
      await put(bootDir, 'tftp/grub/grub.cfg', 'of PCs');
      await put(bootDir, 'arm64/tftp/shimaa64.efi', 'shim');
      await put(bootDir, 'arm64/tftp/grub/grub.cfg', 'of arm64');
      // Once more at each start of the server.
      for (const _ of [1, 2]) expect(await linkArm64Files(bootDir)).toBe(true);
      expect(await readFile(path.join(bootDir, 'tftp/shimaa64.efi'), 'utf8')).toBe('shim');
      expect(await readFile(path.join(bootDir, 'tftp/arm64/shimaa64.efi'), 'utf8')).toBe('shim');
      expect(await readFile(path.join(bootDir, 'tftp/grub/grub.cfg'), 'utf8')).toBe('of PCs');
    });
  });

  it('are enough where nothing is built for PCs', async () => {
    await withTempDirectory(async (bootDir) => {
      await put(bootDir, 'arm64/tftp/grub/grub.cfg', 'of arm64');
      expect(await linkArm64Files(bootDir)).toBe(true);
      expect(await readFile(path.join(bootDir, 'tftp/grub/grub.cfg'), 'utf8')).toBe('of arm64');
    });
  });

  it('are not looked for where none were built', async () => {
    await withTempDirectory(async (bootDir) => {
      expect(await linkArm64Files(bootDir)).toBe(false);
      await expect(lstat(path.join(bootDir, 'tftp'))).rejects.toMatchObject({ code: 'ENOENT' });
    });
  });

  it("leave a boot profile's own files alone", () => {
    const paths = { kernel: 'profiles/01/vmlinuz', initramfs: null, overlay: null };
    expect(pathsFor('arm64', paths)).toEqual({ ...paths, initramfs: 'arm64/initramfs.img' });
    expect(pathsFor('x86_64', paths)).toEqual(paths);
  });
});
