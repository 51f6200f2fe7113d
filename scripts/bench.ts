// `npm run bench`: capture and restore beside partclone and zstd, on one disk, alternating, with a warm page cache.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { measureChunkSizes } from './bench/chunk-sizes.ts';
import { benchDisk } from './bench/make-disk.ts';
import { type Contender, captureContenders, restoreContenders } from './bench/peers.ts';

const { values } = parseArgs({
  options: {
    dir: { type: 'string', default: path.join(os.homedir(), '.cache/deploy-os-bench') },
    runs: { type: 'string', default: '3' },
    /** Measure chunk sizes instead (docs/decisions). */
    'chunk-sizes': { type: 'boolean', default: false },
  },
});

const runs = Number(values.runs);
process.stderr.write(`the disk is in ${values.dir} (made once; 27 GiB of room are needed)\n`);
const disk = benchDisk(values.dir);
const work = path.join(values.dir, 'work');
fs.rmSync(work, { recursive: true, force: true });
fs.mkdirSync(work);
try {
  if (values['chunk-sizes']) await measureChunkSizes(disk, work);
  else {
    report('capture', race(captureContenders(disk, work)));
    const { blocks } = fs.statSync(path.join(work, 'partclone.zst'));
    const stored = execFileSync('du', ['-sm', path.join(work, 'store')], { encoding: 'utf8' }).split('\t')[0];
    process.stdout.write(`stored: deploy-os ${stored} MiB, partclone and zstd ${Math.round(blocks / 2048)} MiB\n`);
    report('restore', race(restoreContenders(disk, work)));
  }
} finally {
  fs.rmSync(work, { recursive: true, force: true });
}

type Times = { readonly name: string; readonly seconds: number[] };

/** Every contender once, then again: what disturbs the machine disturbs them all alike. */
function race(contenders: readonly Contender[]): Times[] {
  const times = contenders.map(({ name }) => ({ name, seconds: [] as number[] }));
  for (let run = 0; run < runs; run++) {
    for (const [i, contender] of contenders.entries()) {
      contender.prepare();
      execFileSync('cat', [disk], { stdio: ['ignore', 'ignore', 'inherit'] });
      const startedMs = performance.now();
      contender.run();
      const seconds = (performance.now() - startedMs) / 1000;
      times[i]?.seconds.push(seconds);
      process.stderr.write(`run ${run + 1}: ${contender.name}: ${seconds.toFixed(1)} s\n`);
    }
  }
  return times;
}

function report(title: string, times: readonly Times[]): void {
  const ours = median(times[0]?.seconds ?? []);
  process.stdout.write(`\n| ${title} | median s | min–max | beside ours |\n|---|---|---|---|\n`);
  for (const { name, seconds } of times) {
    const range = `${Math.min(...seconds).toFixed(1)}–${Math.max(...seconds).toFixed(1)}`;
    const ratio = (median(seconds) / ours).toFixed(2);
    process.stdout.write(`| ${name} | ${median(seconds).toFixed(1)} | ${range} | ${ratio} |\n`);
  }
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;
}
