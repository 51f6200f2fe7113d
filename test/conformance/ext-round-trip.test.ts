// Captured, restored over random bytes that stay in the holes: fsck finds nothing, and every file is what it was.
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { restoreImage } from '../../imaging/restore.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { extCases, makeContents, makeExt } from '../fixtures/ext-cases.ts';
import { run } from '../fixtures/run.ts';

const MiB = 1024 * 1024;
/** The larger ones repeat features of the smaller; filling them with random bytes takes long. */
const largestKiB = 256 * 1024 + 4;
let folder = '';
let contents = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ext-round-trip-'));
  contents = await makeContents(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A file of `sizeBytes`, without a zero page anywhere. */
async function makeRandomFile(filePath: string, sizeBytes: number): Promise<void> {
  const noise = randomBytes(MiB);
  await using handle = await open(filePath, 'w');
  for (let at = 0; at < sizeBytes; at += MiB) await handle.write(noise, 0, Math.min(MiB, sizeBytes - at), at);
}

/** Every file of an ext file system, written below a fresh folder by debugfs, which reads it without mounting it. */
async function dumpFiles(filePath: string, into: string): Promise<string> {
  await mkdir(into);
  await run('debugfs', '-R', `rdump / ${into}`, filePath);
  return into;
}

describe('comes back whole:', { timeout: 120_000 }, () => {
  const fitting = extCases.filter(({ sizeKiB, resizeKiB }) => Math.max(sizeKiB, resizeKiB ?? 0) <= largestKiB);
  test.concurrent.for(fitting)('$name', async (extCase, { expect }) => {
    const place = await mkdtemp(join(folder, 'case-'));
    const [source, target] = [join(place, 'source.img'), join(place, 'target.img')];
    await makeExt(extCase, source, contents);
    // mke2fs and debugfs leave the quota files behind; fsck brings them up to date, so that it is silent afterwards.
    if (extCase.make.includes('quota')) await run('e2fsck', '-f', '-y', source).catch(() => undefined);
    const store = openMemoryStore();
    const { sizeBytes } = await captureImage({ sourcePath: source, imageName: 'tree', store });
    await makeRandomFile(target, sizeBytes);
    await restoreImage({ imageName: 'tree', targetPath: target, store, holes: 'leave' });
    await run('e2fsck', '-f', '-n', target);
    const before = await dumpFiles(source, join(place, 'before'));
    const after = await dumpFiles(target, join(place, 'after'));
    expect(await readdir(before)).toContain('folder-5');
    await run('diff', '--recursive', before, after);
    await rm(place, { recursive: true });
  });
});
