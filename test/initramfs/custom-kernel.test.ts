import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { checkBuildTools } from '../../initramfs/stages/custom-kernel.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const cli = path.join(import.meta.dirname, '../../cli/deploy-os');

test('a computer that cannot compile a kernel is told every package that it lacks, and nothing is begun', async () => {
  await withTempDirectory(async (root) => {
    const present = ['make', 'gcc', 'bc', 'flex', 'perl', 'zstd'].map((name) => `usr/bin/${name}`);
    for (const file of [...present, 'usr/include/openssl/opensslv.h']) {
      await mkdir(path.dirname(path.join(root, file)), { recursive: true });
      await writeFile(path.join(root, file), '');
    }
    await expect(checkBuildTools(root)).rejects.toMatchObject({
      code: 'build-failed',
      message: 'compiling a kernel needs packages that are not installed: bison, libelf-dev',
      hint: expect.stringContaining('apt-get install bison libelf-dev'),
    });
    await writeFile(path.join(root, 'usr/bin/bison'), '');
    await writeFile(path.join(root, 'usr/include/libelf.h'), '');
    await checkBuildTools(root);
  });
});

test('an unknown processor or kernel, and one for which there is none, is refused before anything is fetched', () => {
  const wrong = {
    '--arch sparc: amd64 or arm64 is wanted': ['--arch', 'sparc'],
    '--kernel hurd: debian or custom is wanted': ['--kernel', 'hurd'],
    '--kernel custom is for amd64 alone': ['--kernel', 'custom', '--arch', 'arm64'],
  };
  for (const [words, flags] of Object.entries(wrong)) {
    const { status, stderr } = spawnSync(cli, ['build', '--out', '/nonexistent/out', ...flags], { encoding: 'utf8' });
    expect(stderr).toContain(words);
    expect(status).toBe(2);
  }
});
