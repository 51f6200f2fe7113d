// Runs the contenders of a bench in turns, and prints what they took as a table.
import { execFileSync } from 'node:child_process';
import type { Contender } from './peers.ts';

export type Times = { readonly name: string; readonly seconds: readonly number[] };

/** Every contender once, then again: what disturbs the machine disturbs them all alike. `disk` is read before each, so that its pages are warm. */
export function race(contenders: readonly Contender[], disk: string, runs: number): Times[] {
  const times = contenders.map(({ name }) => ({ name, seconds: [] as number[] }));
  for (let run = 0; run < runs; run++) {
    for (const [i, contender] of contenders.entries()) {
      const seconds = timeOf(contender, disk);
      times[i]?.seconds.push(seconds);
      process.stderr.write(`run ${run + 1}: ${contender.name}: ${seconds.toFixed(1)} s\n`);
    }
  }
  return times;
}

function timeOf(contender: Contender, disk: string): number {
  contender.prepare();
  execFileSync('cat', [disk], { stdio: ['ignore', 'ignore', 'inherit'] });
  const startedMs = performance.now();
  contender.run();
  return (performance.now() - startedMs) / 1000;
}

/** A table in Markdown; the last column is our median (the first row's) divided by the row's. */
export function printTimes(title: string, times: readonly Times[]): void {
  const ours = median(times[0]?.seconds ?? []);
  process.stdout.write(`\n| ${title} | median s | min–max | ours beside it |\n|---|---|---|---|\n`);
  for (const { name, seconds } of times) {
    const range = `${Math.min(...seconds).toFixed(1)}–${Math.max(...seconds).toFixed(1)}`;
    process.stdout.write(
      `| ${name} | ${median(seconds).toFixed(1)} | ${range} | ${(ours / median(seconds)).toFixed(2)} |\n`,
    );
  }
}

export function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;
}
