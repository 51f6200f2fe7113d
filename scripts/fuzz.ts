// `npm run fuzz`: changes foreign bytes for as long as one likes and tells of every promise that their readers break.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { Coverage } from '../test/fixtures/fuzz/coverage.ts';
import { diskTargets } from '../test/fixtures/fuzz/disk-targets.ts';
import { DiskFuzzer, type Finding } from '../test/fixtures/fuzz/fuzz-disk.ts';
import { Random } from '../test/fixtures/fuzz/random.ts';

const { values } = parseArgs({
  options: {
    /** One of the targets; all of them, one after the other, without it. */
    target: { type: 'string' },
    seconds: { type: 'string', default: '60' },
    /** The same seed tries the same inputs. */
    seed: { type: 'string', default: String(Date.now() % 2 ** 32) },
    /** Where findings go: the changed sectors of each. */
    findings: { type: 'string', default: path.join(os.tmpdir(), 'deploy-os-fuzz') },
  },
});

const chosen = diskTargets.filter(({ name }) => values.target === undefined || values.target.split(',').includes(name));
if (chosen.length === 0) {
  process.stderr.write(`no such target; there are ${diskTargets.map(({ name }) => name).join(', ')}\n`);
  process.exit(2);
}
const folder = mkdtempSync(path.join(os.tmpdir(), 'deploy-os-fuzz-disks-'));
let found = 0;
try {
  for (const target of chosen) {
    const fuzzer = await DiskFuzzer.open(target, folder);
    const random = new Random(Number(values.seed));
    using coverage = new Coverage(['/imaging/']);
    const endMs = performance.now() + Number(values.seconds) * 1000;
    const run = await fuzzer.run(random, () => performance.now() >= endMs, coverage);
    const flipEndMs = performance.now() + Number(values.seconds) * 1000;
    const flips = target.noticesFlips ? await fuzzer.flip(random, () => performance.now() >= flipEndMs) : [];
    const findings = [...run.findings, ...flips];
    report(
      `${target.name}: ${run.inputs} inputs, ${run.corpus} kept, ${coverage.size} places, slowest ${Math.round(run.slowestMs)} ms, ${findings.length} findings (seed ${values.seed})`,
    );
    keep(target.name, findings);
    found += findings.length;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = found === 0 ? 0 : 1;

/** Findings of one kind are told once: the first line of a message without its numbers is the kind. */
function keep(target: string, findings: readonly Finding[]): void {
  const kinds = new Map<string, Finding[]>();
  for (const finding of findings) {
    const kind = finding.message.split('\n').slice(0, 3).join(' ').replaceAll(/\d+/g, 'N');
    kinds.set(kind, [...(kinds.get(kind) ?? []), finding]);
  }
  for (const [first, ...others] of kinds.values()) {
    if (first === undefined) continue;
    mkdirSync(values.findings, { recursive: true });
    const file = path.join(
      values.findings,
      `${target}-${values.seed}-${Math.random().toString(36).slice(2, 8)}.json.gz`,
    );
    const changes = [...first.changes].map(([sector, bytes]) => [sector, bytes.toString('hex')]);
    writeFileSync(file, gzipSync(JSON.stringify({ target, message: first.message, changes })));
    report(
      `  after ${(first.afterMs / 1000).toFixed(1)} s: ${first.message.split('\n').slice(0, 6).join('\n    ')}\n  (${others.length} more like it; ${file})`,
    );
  }
}

function report(line: string): void {
  process.stdout.write(`${line}\n`);
}
