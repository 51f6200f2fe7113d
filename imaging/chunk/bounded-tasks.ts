// Keeps a bounded number of asynchronous tasks going: the pipeline's only queue, so that memory does not grow with the disk.
import { throwIfCancelled } from '../cancelled.ts';
import type { Pause } from '../pause.ts';

/** Starts tasks, at most `limit` at a time. After the first failure nothing more starts and `start` and `finish` throw it. */
export class BoundedTasks {
  readonly #limit: number;
  readonly #signal: AbortSignal | undefined;
  readonly #pause: Pause | undefined;
  readonly #running = new Set<Promise<void>>();
  #failure: { error: unknown } | undefined;

  constructor(limit: number, signal?: AbortSignal, pause?: Pause) {
    this.#limit = limit;
    this.#signal = signal;
    this.#pause = pause;
  }

  /** Returns as soon as the task has a place, not when it is done. While it is paused, none begins. */
  async start(task: () => Promise<void>): Promise<void> {
    do {
      while (this.#running.size >= this.#limit) await Promise.race(this.#running);
      await this.#pause?.wait(this.#signal);
    } while (this.#running.size >= this.#limit);
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
