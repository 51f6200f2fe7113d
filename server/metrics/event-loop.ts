// How long the process had no time for anybody: every request and every agent waits behind what runs too long.
import { monitorEventLoopDelay } from 'node:perf_hooks';

const resolutionMs = 10;

export class EventLoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution: resolutionMs });

  constructor() {
    this.#histogram.enable();
  }

  /** Seconds, since the last call. */
  read(): { readonly p99: number; readonly max: number } {
    const [p99, max] = [this.#histogram.percentile(99), this.#histogram.max].map(secondsBeyond);
    this.#histogram.reset();
    return { p99: p99 ?? 0, max: max ?? 0 };
  }

  close(): void {
    this.#histogram.disable();
  }
}

/** What is measured is the time between two looks, which are `resolutionMs` apart when nothing is in the way. */
function secondsBeyond(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e9 - resolutionMs / 1000);
}
