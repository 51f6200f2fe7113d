import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openReader } from '../../../imaging/blockdev/open-reader.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reader-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('a regular file is read at any offset and is a disk of 512-byte sectors', async () => {
  const file = join(folder, 'disk.img');
  await writeFile(file, Buffer.from(Array.from({ length: 2048 }, (_, i) => i & 0xff)));
  await using reader = closing(await openReader(file));
  expect(reader).toMatchObject({ sizeBytes: 2048, sectorSizeBytes: 512, label: file });
  expect([...(await reader.read(1000, 3))]).toEqual([232, 233, 234]);
  expect(await reader.read(2048, 0)).toHaveLength(0);
});

test('a range outside the file is refused', async () => {
  const file = join(folder, 'small.img');
  await writeFile(file, Buffer.alloc(1024));
  await using reader = closing(await openReader(file));
  await expect(reader.read(1000, 25)).rejects.toMatchObject({ code: 'source-read' });
  await expect(reader.read(-1, 2)).rejects.toMatchObject({ code: 'source-read' });
});

test('a file that shrinks while it is read names itself and the first missing sector', async () => {
  const file = join(folder, 'shrinks.img');
  await writeFile(file, Buffer.alloc(1024 * 1024));
  await using reader = closing(await openReader(file));
  await truncate(file, 512 * 1024);
  await expect(reader.read(0, 1024 * 1024)).rejects.toMatchObject({
    code: 'source-read',
    message: `reading ${file}, sector 1024: the device ends here`,
  });
});

test.for([
  ['a directory', '/tmp'],
  ['a character device', '/dev/null'],
])('%s is no disk', async ([what, path]) => {
  await expect(openReader(path ?? '')).rejects.toMatchObject({
    code: 'invalid-input',
    message: expect.stringContaining(what ?? ''),
  });
});

test('a FIFO is refused at once, without waiting for a writer', async () => {
  const fifo = join(folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
  await expect(openReader(fifo)).rejects.toMatchObject({ code: 'invalid-input' });
});

test('an empty file and a missing one have errors of their own', async () => {
  const file = join(folder, 'empty.img');
  await writeFile(file, '');
  await expect(openReader(file)).rejects.toMatchObject({ code: 'invalid-input' });
  await expect(openReader(join(folder, 'missing'))).rejects.toMatchObject({ code: 'device-not-found' });
});

function closing<T extends { close(): Promise<void> }>(reader: T): T & AsyncDisposable {
  return Object.assign(reader, { [Symbol.asyncDispose]: () => reader.close() });
}
