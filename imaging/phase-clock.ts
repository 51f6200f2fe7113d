// How long each phase of a recipe took.
import type { ProgressPhase } from './progress.ts';

export class PhaseClock {
  readonly #startedMs = performance.now();
  readonly #seconds: { [Phase in ProgressPhase]?: number } = {};
  #phase: ProgressPhase | undefined;
  #phaseMs = 0;

  begin(phase: ProgressPhase): void {
    this.#stop();
    this.#phase = phase;
    this.#phaseMs = performance.now();
  }

  end(): { seconds: number; secondsByPhase: { [Phase in ProgressPhase]?: number } } {
    this.#stop();
    return { seconds: rounded(performance.now() - this.#startedMs), secondsByPhase: this.#seconds };
  }

  #stop(): void {
    if (this.#phase !== undefined) this.#seconds[this.#phase] = rounded(performance.now() - this.#phaseMs);
  }
}

function rounded(ms: number): number {
  return Math.round(ms) / 1000;
}
