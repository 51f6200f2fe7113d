// What this very server looks after until a machine is off (see-off.ts); when it stops, the rest stays unsaid.

export class OffWatch {
  readonly #stop = new AbortController();
  readonly #watching = new Set<Promise<void>>();

  /** `work` does not throw. */
  begin(work: (signal: AbortSignal) => Promise<void>): void {
    const watch = work(this.#stop.signal).finally(() => this.#watching.delete(watch));
    this.#watching.add(watch);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#watching);
  }
}
