import { spawnSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { makeRawDisk, noise } from '../fixtures/disks.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const mib = 2 ** 20;
const cli = path.join(import.meta.dirname, '../../cli/deploy-os');

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(cli, args, { encoding: 'utf8' });
  return { status, stderr, stdout, json: () => JSON.parse(stdout) as Record<string, unknown> };
}

test('capture, list, show, verify, restore and delete an image from the command line', {
  timeout: 60_000,
}, async () => {
  await withTempDirectory(async (directory) => {
    const disk = await makeRawDisk(path.join(directory, 'disk'), 8 * mib, [
      { offsetBytes: 0, bytes: noise(3 * mib, 'x') },
    ]);
    const [store, target] = [path.join(directory, 'store'), path.join(directory, 'target')];
    const at = ['--store', store, '--json'];
    expect(run('image', 'capture', disk, '教室 1', ...at).json()).toMatchObject({ name: '教室 1', slotsSent: 3 });
    expect(run('image', 'capture', disk, '教室 1', ...at)).toMatchObject({ status: 4 });
    expect(run('image', 'list', ...at).json()).toMatchObject([{ name: '教室 1', sizeBytes: 8 * mib }]);
    expect(run('image', 'show', '教室 1', ...at).json()).toMatchObject({ geometry: { sizeBytes: 8 * mib } });
    expect(run('image', 'verify', '教室 1', ...at).json()).toMatchObject({ problemCount: 0 });
    expect(run('image', 'restore', '教室 1', target, ...at).json()).toMatchObject({ bytesVerified: 8 * mib });
    expect(Buffer.compare(await fs.readFile(disk), await fs.readFile(target))).toBe(0);
    expect(run('store', 'check', ...at).json()).toMatchObject({ images: 1, chunks: 4, problems: [] });
    expect(run('image', 'delete', '教室 1', ...at).status).toBe(0);
    expect(run('store', 'gc', '--older-than', '0', ...at).json()).toMatchObject({ chunks: 4, kept: 0 });
    expect(run('store', 'stats', ...at).json()).toEqual({ images: 0, chunks: 0, storedBytes: 0 });
  });
});

test('damage is exit status 7 with one JSON value on stdout, and is told on stderr', { timeout: 60_000 }, async () => {
  await withTempDirectory(async (directory) => {
    const bytes = noise(2 * mib, 'x');
    const disk = await makeRawDisk(path.join(directory, 'disk'), 2 * mib, [{ offsetBytes: 0, bytes }]);
    const store = path.join(directory, 'store');
    run('image', 'capture', disk, 'one', '--store', store);
    for (const prefix of await fs.readdir(path.join(store, 'chunks'))) {
      for (const name of await fs.readdir(path.join(store, 'chunks', prefix))) {
        const file = path.join(store, 'chunks', prefix, name);
        if ((await fs.stat(file)).size > mib) await fs.truncate(file, 1000);
      }
    }
    const verified = run('image', 'verify', 'one', '--store', store, '--json');
    expect(verified.status).toBe(7);
    expect(verified.json()).toMatchObject({
      problemCount: 2,
      problems: [{ code: 'chunk-corrupt', offsetBytes: 0 }, {}],
    });
    expect(verified.stderr).toMatch(/bytes 0 to 1048575 are lost/);
    const checked = run('store', 'check', '--store', store, '--json');
    expect(checked.status).toBe(7);
    expect(checked.json()).toMatchObject({ problems: [{ code: 'chunk-corrupt' }, { code: 'chunk-corrupt' }] });
  });
});

test('a restore goes on when nobody reads what it says any more', { timeout: 60_000 }, async () => {
  await withTempDirectory(async (directory) => {
    const disk = await makeRawDisk(path.join(directory, 'disk'), 2 * mib, [{ offsetBytes: 0, bytes: noise(mib, 'x') }]);
    const [store, target] = [path.join(directory, 'store'), path.join(directory, 'target')];
    run('image', 'capture', disk, 'one', '--store', store);
    const pipeline = `set -o pipefail; '${cli}' image restore one '${target}' --store '${store}' 2>&1 | true`;
    expect(spawnSync('bash', ['-c', pipeline]).status).toBe(0);
    expect(Buffer.compare(await fs.readFile(disk), await fs.readFile(target))).toBe(0);
  });
});

test('a server as store without token and CA is a usage error that names both', () => {
  const { status, stderr } = run('image', 'list', '--store', 'https://localhost:1');
  expect(status).toBe(2);
  expect(stderr).toMatch(/DEPLOY_OS_TOKEN and DEPLOY_OS_CA/);
});
