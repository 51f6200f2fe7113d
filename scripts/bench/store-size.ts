// How a directory store of millions of chunks does: its chunks are stubs of a few bytes, for what counts here is how many names there are.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { digestOf } from '../../imaging/chunk/digest.ts';
import { segmentSizeBytes } from '../../imaging/chunk/slots.ts';
import { encodeChunk } from '../../imaging/chunk/stored-chunk.ts';
import { sealManifest } from '../../imaging/manifest/manifest.ts';
import { encodeSegment } from '../../imaging/manifest/segment.ts';
import { collectGarbage } from '../../imaging/store/collect-garbage.ts';
import { type DirectoryStore, openDirectoryStore } from '../../imaging/store/directory-store.ts';

/** The smallest there is: most digests in a segment. */
const chunkSizeBytes = 65_536;
const chunksPerSegment = segmentSizeBytes / chunkSizeBytes;
const garbagePart = 0.1;

const operations: Record<string, (store: DirectoryStore) => Promise<unknown>> = {
  'open it': async () => {},
  'findMissing of 1000, half of them there': async (store) => {
    const prefix = '00';
    const there = fs.readdirSync(path.dirname(store.chunkPath(prefix.padEnd(64, '0')))).slice(0, 500);
    const absent = Array.from({ length: 500 }, () => randomBytes(32).toString('hex'));
    return store.findMissing([...there.map((name) => prefix + name), ...absent]);
  },
  stats: (store) => store.stats(),
  'gc --dry-run': (store) => collectGarbage(store, { olderThanMs: 0, dryRun: true }),
  [`gc, ${100 * garbagePart} % of it garbage`]: (store) => collectGarbage(store, { olderThanMs: 0, dryRun: false }),
};

/** Makes a store of `chunks` chunks in `directory`, measures each operation in a process of its own, and takes the store away. */
export async function measureStoreSize(directory: string, chunks: number): Promise<void> {
  fs.rmSync(directory, { recursive: true, force: true });
  const startedMs = performance.now();
  try {
    await fillStore(await openDirectoryStore(directory, { create: true }), directory, chunks);
    process.stderr.write(`${chunks} chunks made in ${seconds(startedMs)} s\n`);
    process.stdout.write(`\n| ${chunks} chunks | s | peak memory MiB |\n|---|---|---|\n`);
    for (const name of Object.keys(operations)) {
      const output = execFileSync(process.execPath, [fileURLToPath(import.meta.url), directory, name], {
        encoding: 'utf8',
      });
      process.stdout.write(output);
    }
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

async function fillStore(store: DirectoryStore, directory: string, count: number): Promise<void> {
  const garbage = Math.round(count * garbagePart);
  for (let left = garbage; left > 0; left -= chunksPerSegment) makeStubs(store, Math.min(left, chunksPerSegment));
  const segments: string[] = [];
  for (let left = count - garbage; left > 0; left -= chunksPerSegment) {
    const digests = makeStubs(store, Math.min(left, chunksPerSegment));
    const used = [{ startBytes: 0, lengthBytes: chunkSizeBytes }];
    const slots = digests.map((digest, index) => ({ index, digest, used }));
    const segment = encodeSegment({ lengthBytes: segmentSizeBytes, chunkSizeBytes, slots });
    const digest = digestOf(segment);
    await store.putChunks([{ digest, stored: encodeChunk(segment) }]);
    segments.push(digest);
  }
  const sizeBytes = segments.length * segmentSizeBytes;
  const { bytes } = sealManifest({
    ...{ id: crypto.randomUUID(), name: 'synthetic', createdAt: new Date().toISOString(), toolVersion: '0.1.0' },
    source: { label: 'synthetic', model: null, serial: null },
    geometry: { sizeBytes, sectorSizeBytes: 512, table: 'none', diskId: null },
    ...{ partitions: [], tableSectors: [], parent: null, warnings: [] },
    ...{ chunkSizeBytes, usedBytes: sizeBytes, usedEndBytes: sizeBytes, segments },
  });
  fs.writeFileSync(path.join(directory, 'images', 'synthetic.json'), bytes);
}

/** Chunks of random names, one after the other by name, as directories like them best. */
function makeStubs(store: DirectoryStore, count: number): string[] {
  const digests = Array.from({ length: count }, () => randomBytes(32).toString('hex'));
  for (const digest of digests.toSorted()) fs.writeFileSync(store.chunkPath(digest), 'stub of a chunk');
  return digests;
}

function seconds(startedMs: number): string {
  return ((performance.now() - startedMs) / 1000).toFixed(2);
}

const [self, directory, name] = process.argv.slice(1);
if (self === fileURLToPath(import.meta.url) && directory !== undefined && name !== undefined) {
  const startedMs = performance.now();
  await operations[name]?.(await openDirectoryStore(directory, { create: false }));
  process.stdout.write(`| ${name} | ${seconds(startedMs)} | ${Math.round(process.resourceUsage().maxRSS / 1024)} |\n`);
}
