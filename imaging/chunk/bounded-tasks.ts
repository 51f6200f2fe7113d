// Keeps a bounded number of asynchronous tasks going: the pipeline's only queue, so that memory does not grow with the disk.
import { throwIfCancelled } from '../cancelled.ts';

/** Starts tasks, at most `limit` at a time. After the first failure nothing more starts and `start` and `finish` throw it. */
export class BoundedTasks {
  readonly #limit: number;
  readonly #signal: AbortSignal | undefined;
  readonly #running = new Set<Promise<void>>();
  #failure: { error: unknown } | undefined;

  constructor(limit: number, signal?: AbortSignal) {
    this.#limit = limit;
    this.#signal = signal;
  }

  /** Returns as soon as the task has a place, not when it is done. */
  async start(task: () => Promise<void>): Promise<void> {
    while (this.#running.size >= this.#limit) await Promise.race(this.#running);
    this.#check();
    const running: Promise<void> = task()
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Waits for every task, also after a failure: when it returns or throws, none runs any more. */
  async finish(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    this.#check();
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    throwIfCancelled(this.#signal);
  }
}
