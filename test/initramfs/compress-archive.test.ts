import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BuildCache } from '../../initramfs/build-cache.ts';
import { FileTree } from '../../initramfs/file-tree.ts';
import { compressPart, type Packing } from '../../initramfs/stages/compress-archive.ts';

const packings: readonly Packing[] = [{ xzFilter: '--x86' }, { zstdLevel: 3 }, { zstdLevel: 19 }, null];

test.for(packings)('an archive is packed to the same bytes every time: %j', async (packing) => {
  const made: Buffer[] = [];
  for (let i = 0; i < 2; i++) {
    const dir = await mkdtemp(join(tmpdir(), 'compress-archive-'));
    try {
      const tree = new FileTree();
      tree.addFile('bin/sh', '/bin/bash', 0o755);
      const part = { name: 'part', tree, packing, mtimeSeconds: 1_700_000_000, onBytes: () => {} };
      const { path, cached } = await compressPart({ ...part, cache: new BuildCache(dir) });
      expect(cached).toBe(false);
      made.push(await readFile(path));
    } finally {
      await rm(dir, { recursive: true });
    }
  }
  const [one, two] = made as [Buffer, Buffer];
  expect(one.length).toBeGreaterThan(1000);
  expect(two.equals(one)).toBe(true);
});
