import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readFileSystem } from '../../../imaging/fs/detect.ts';
import { readerOf } from '../../fixtures/buffer-reader.ts';

const MiB = 1024 * 1024;
const uuid = '01234567-89ab-cdef-0123-456789abcdef';
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'signatures-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function make(sizeMiB: number, program: string, ...flags: string[]): Promise<Buffer> {
  const file = join(folder, 'made.img');
  await writeFile(file, '');
  await truncate(file, sizeMiB * MiB);
  execFileSync(program, [...flags, file], { stdio: 'ignore' });
  return await readFile(file);
}

describe('a swap area', () => {
  test.for([4096, 65536])('with pages of %i bytes uses its header page only', async (pageBytes) => {
    const bytes = await make(8, 'mkswap', '-p', String(pageBytes), '-L', 'pages', '-U', uuid);
    const map = await readFileSystem(readerOf(bytes));
    expect(map).toEqual({
      fileSystem: 'swap',
      uuid,
      label: 'pages',
      reader: 'swap',
      used: [{ startBytes: 0, lengthBytes: pageBytes }],
      notes: [],
    });
  });

  test('smaller than its partition leaves the rest to nobody, so it counts as used', async () => {
    const bytes = Buffer.concat([await make(8, 'mkswap'), Buffer.alloc(MiB)]);
    const { used } = await readFileSystem(readerOf(bytes));
    expect(used).toEqual([
      { startBytes: 0, lengthBytes: 4096 },
      { startBytes: 8 * MiB, lengthBytes: MiB },
    ]);
  });

  test.for(['S1SUSPEND', 'ULSUSPEND', 'LINHIB0001'])(
    'in which a system sleeps (%s) is captured whole',
    async (mark) => {
      const bytes = await make(8, 'mkswap');
      bytes.write(mark.padEnd(10, '\0'), 4086, 'latin1');
      const map = await readFileSystem(readerOf(bytes));
      expect(map).toMatchObject({ reader: 'raw', used: [{ startBytes: 0, lengthBytes: bytes.length }] });
      expect(map.notes.join()).toMatch(/suspended system/);
    },
  );

  test('whose header says more pages than there are is captured whole', async () => {
    const bytes = (await make(8, 'mkswap')).subarray(0, 4 * MiB);
    expect(await readFileSystem(readerOf(bytes))).toMatchObject({ reader: 'raw', used: [{ lengthBytes: 4 * MiB }] });
  });
});

describe('captured whole, under its own name, is', () => {
  test.for([
    ['XFSB', 0, 'xfs'],
    ['LUKS\xba\xbe', 0, 'crypto_LUKS'],
    ['LABELONE', 512, 'LVM2_member'],
    ['EXFAT   ', 3, 'exfat'],
  ] as const)('what carries the mark %s at %i', async ([mark, at, name]) => {
    const bytes = Buffer.alloc(MiB);
    bytes.write(mark, at, 'latin1');
    expect(await readFileSystem(readerOf(bytes))).toMatchObject({
      fileSystem: name,
      reader: 'raw',
      used: [{ lengthBytes: MiB }],
    });
  });

  test.for([1024, 4096])('an OCFS2 with blocks of %i bytes', async (blockBytes) => {
    const flags = ['-q', '-F', '-M', 'local', '-b', String(blockBytes), '-C', '4K', '-L', 'shared', '-U', uuid];
    const map = await readFileSystem(readerOf(await make(64, 'mkfs.ocfs2', ...flags)));
    expect(map).toMatchObject({ fileSystem: 'ocfs2', uuid, label: 'shared', reader: 'raw' });
  });

  test('a GFS2', async () => {
    const flags = ['-q', '-O', '-j', '1', '-J', '8', '-p', 'lock_dlm', '-t', 'racks:shared', '-U', uuid];
    const map = await readFileSystem(readerOf(await make(64, 'mkfs.gfs2', ...flags)));
    expect(map).toMatchObject({ fileSystem: 'gfs2', uuid, label: 'racks:shared', reader: 'raw' });
  });

  test.for([512, 1024, 4096, 5 * 512])('nothing known, also when it has no more than %i bytes', async (sizeBytes) => {
    const map = await readFileSystem(readerOf(Buffer.alloc(sizeBytes, 0x5a)));
    expect(map).toMatchObject({ fileSystem: null, reader: 'raw', used: [{ startBytes: 0, lengthBytes: sizeBytes }] });
  });
});
