// Guessing is made slow: who has been wrong too often has to wait before the next try is looked at, each time longer.

type Wrong = { readonly count: number; readonly untilMs: number; readonly atMs: number };

type Limits = {
  /** So many wrong tries cost nothing but the last of them. */
  readonly free: number;
  /** Doubled with each wrong try after that. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
};

const forgetAfterMs = 30 * 60_000;
/** What is remembered is bounded: the oldest is forgotten first. */
const maxKnown = 10_000;

export class WrongTries {
  readonly #limits: Limits;
  readonly #known = new Map<string, Wrong>();

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Milliseconds to wait before the next try; 0 when it may be made now. */
  waitMs(who: string, nowMs = performance.now()): number {
    return Math.max(0, (this.#recall(who, nowMs)?.untilMs ?? 0) - nowMs);
  }

  note(who: string, nowMs = performance.now()): void {
    const { free, firstPauseMs, longestPauseMs } = this.#limits;
    const count = (this.#recall(who, nowMs)?.count ?? 0) + 1;
    const beyond = count - free;
    const pauseMs = beyond < 0 ? 0 : Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(beyond, 20));
    this.#known.delete(who);
    this.#known.set(who, { count, untilMs: nowMs + pauseMs, atMs: nowMs });
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= maxKnown) break;
      this.#known.delete(oldest);
    }
  }

  forget(who: string): void {
    this.#known.delete(who);
  }

  #recall(who: string, nowMs: number): Wrong | undefined {
    const known = this.#known.get(who);
    return known === undefined || nowMs - known.atMs > forgetAfterMs ? undefined : known;
  }
}
