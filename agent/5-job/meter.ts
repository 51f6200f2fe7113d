// Fifth stage: keeps a running step's figures, so that reporting them costs the data path nothing.
import type { Progress } from '../../imaging/progress.ts';

export type Figures = Omit<Progress, 'phase'> & { readonly phase: string; readonly bytesPerSecond: number };

/** The rate is that of about the last so many milliseconds. */
const windowMs = 10_000;
/** Below this the first chunks of a phase would make absurd rates. */
const shortestSeconds = 0.5;

type Sample = { readonly atMs: number; readonly bytesDone: number };

export class Meter {
  readonly #now: () => number;
  readonly #secondsByPhase = new Map<string, number>();
  #latest: Omit<Figures, 'bytesPerSecond'> = { phase: 'prepare', bytesDone: 0, bytesTotal: 0, bytesTransferred: 0 };
  #phaseSinceMs: number;
  #samples: Sample[] = [];

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#phaseSinceMs = now();
  }

  /** Called for every chunk: stores, and returns true when a new phase has begun. */
  update(progress: Progress): boolean {
    const changed = progress.phase !== this.#latest.phase;
    if (changed) this.#endPhase();
    this.#latest = progress;
    return changed;
  }

  /** The figures now; called at each report, which is also what the rate is measured by. */
  read(): Figures {
    const now = { atMs: this.#now(), bytesDone: this.#latest.bytesDone };
    this.#samples = [...this.#samples.filter(({ atMs }) => now.atMs - atMs <= windowMs).slice(-100), now];
    const first = this.#samples[0] ?? now;
    const since = this.#samples.length > 1 ? first : { atMs: this.#phaseSinceMs, bytesDone: 0 };
    const seconds = (now.atMs - since.atMs) / 1000;
    const bytesPerSecond =
      seconds >= shortestSeconds ? Math.max(0, Math.round((now.bytesDone - since.bytesDone) / seconds)) : 0;
    const { phase, bytesDone, bytesTotal, bytesTransferred } = this.#latest;
    return { phase, bytesDone, bytesTotal, bytesTransferred, bytesPerSecond };
  }

  secondsByPhase(): Record<string, number> {
    this.#endPhase();
    return Object.fromEntries(this.#secondsByPhase);
  }

  #endPhase(): void {
    const nowMs = this.#now();
    const spent = (this.#secondsByPhase.get(this.#latest.phase) ?? 0) + (nowMs - this.#phaseSinceMs) / 1000;
    this.#secondsByPhase.set(this.#latest.phase, spent);
    this.#phaseSinceMs = nowMs;
    this.#samples = [];
  }
}
