// How fast running jobs went since the console was opened: a figure each second, for plots.
import type { Job } from '../../protocol/rest.ts';

type Progress = NonNullable<Job['progress']>;
export type Sample = { readonly atMs: number; readonly bytesPerSecond: number };

const maxSamples = 3600;
const maxJobs = 200;

class Throughput {
  readonly #samples = new Map<string, Sample[]>();
  /** Grows with every figure, so that plots know of it. */
  changes = $state(0);

  note(jobId: string, { bytesPerSecond }: Progress): void {
    const samples = this.#samples.get(jobId) ?? [];
    const atMs = Date.now();
    const last = samples.at(-1);
    // A list and a page may both hear of the same second.
    if (last !== undefined && atMs - last.atMs < 500) return;
    samples.push({ atMs, bytesPerSecond });
    if (samples.length > maxSamples) samples.shift();
    this.#samples.set(jobId, samples);
    if (this.#samples.size > maxJobs) this.#samples.delete(this.#samples.keys().next().value ?? '');
    this.changes += 1;
  }

  of(jobId: string): readonly Sample[] {
    return this.#samples.get(jobId) ?? [];
  }
}

export const throughput = new Throughput();

/** What the server has kept of a job from its start, and after that what was heard here. */
export function joinSamples(kept: readonly Sample[], heard: readonly Sample[]): readonly Sample[] {
  const last = kept.at(-1);
  return last === undefined ? heard : [...kept, ...heard.filter(({ atMs }) => atMs > last.atMs)];
}
