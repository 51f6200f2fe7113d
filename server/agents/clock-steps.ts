// Notices that somebody, or NTP, has set this machine's clock: it and the time that only ever passes go apart.

/** Less is NTP's usual work, and a delay between two looks. */
const leastMs = 5000;

export class ClockSteps {
  #apartMs = Date.now() - performance.now();

  /** By how many milliseconds the clock was set since the last call: forward is positive, 0 is not at all. */
  read(wallMs = Date.now(), passedMs = performance.now()): number {
    const stepMs = wallMs - passedMs - this.#apartMs;
    this.#apartMs += stepMs;
    return Math.abs(stepMs) < leastMs ? 0 : stepMs;
  }
}
