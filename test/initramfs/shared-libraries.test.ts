import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { factsOf } from '../../initramfs/architecture.ts';
import { FileTree } from '../../initramfs/file-tree.ts';
import { addSharedLibraries } from '../../initramfs/stages/shared-libraries.ts';
import { makeElf } from '../fixtures/elf-file.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const { libraries } = factsOf.arm64;

/** A package with a program that needs a library, that library, which needs the loader, and the loader. */
async function makePackage(dir: string): Promise<string> {
  const program = join(dir, 'usr/bin/tool');
  const files = {
    [program]: makeElf(['libfoo.so.1']),
    [join(dir, 'usr/lib/aarch64-linux-gnu/libfoo.so.1')]: makeElf(['ld-linux-aarch64.so.1']),
    [join(dir, 'lib/ld-linux-aarch64.so.1')]: makeElf([]),
  };
  for (const [file, content] of Object.entries(files)) {
    await mkdir(join(file, '..'), { recursive: true });
    await writeFile(file, content);
  }
  return program;
}

test('what programs of another processor need goes in, the loader where they look for it, and nothing of them is run', async () => {
  await withTempDirectory(async (dir) => {
    const tree = new FileTree();
    const program = await makePackage(dir);
    await addSharedLibraries(tree, [program], { packageDirs: [dir], libraries });
    const paths = tree.entries().filter(({ kind }) => kind === 'file');
    expect(paths.map(({ path }) => path)).toEqual([
      'usr/lib/aarch64-linux-gnu/libfoo.so.1',
      'usr/lib/ld-linux-aarch64.so.1',
    ]);
  });
});

test('a library that only another processor has fails the build, and the program that needs it is named', async () => {
  await withTempDirectory(async (dir) => {
    const program = await makePackage(dir);
    const other = { packageDirs: [dir], libraries: factsOf.amd64.libraries };
    await expect(addSharedLibraries(new FileTree(), [program], other)).rejects.toMatchObject({
      code: 'build-failed',
      message: 'bin/tool needs libfoo.so.1, which no package has',
    });
  });
});
