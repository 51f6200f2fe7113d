// `npm run bench`: capture and restore beside partclone and zstd, alternating, with a warm page cache; and what each costs by size.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { measureChunkSizes } from './bench/chunk-sizes.ts';
import { comparePeers } from './bench/compare-peers.ts';
import { type BenchFileSystem, benchDisk } from './bench/make-disk.ts';
import { measureScale } from './bench/scale.ts';
import { measureStoreSize } from './bench/store-size.ts';

const { values } = parseArgs({
  options: {
    dir: { type: 'string', default: path.join(os.homedir(), '.cache/deploy-os-bench') },
    runs: { type: 'string', default: '5' },
    fs: { type: 'string', default: 'ext4,xfs,ntfs' },
    plot: { type: 'string', default: path.join(import.meta.dirname, '../docs/performance.svg') },
    /** Measure chunk sizes instead (docs/decisions). */
    'chunk-sizes': { type: 'boolean', default: false },
    /** Measure time and memory by the size of the disk instead. */
    scale: { type: 'boolean', default: false },
    /** Measure a directory store of so many synthetic chunks instead. */
    'store-size': { type: 'string' },
  },
});

process.stderr.write(`the disks are in ${values.dir} (made once; 40 GiB of room are needed)\n`);
fs.mkdirSync(values.dir, { recursive: true });
if (values['store-size'] !== undefined) {
  await measureStoreSize(path.join(values.dir, 'store-size'), Number(values['store-size']));
} else if (values['chunk-sizes']) await measureChunkSizes(benchDisk(values.dir), values.dir);
else if (values.scale) measureScale(values.dir);
else {
  const fileSystems = values.fs.split(',') as BenchFileSystem[];
  comparePeers(fileSystems, { directory: values.dir, runs: Number(values.runs), plotFile: values.plot });
}
