// A run that a person makes stand still: nothing new of the data path begins until it goes on, and what has begun ends.
import { once } from 'node:events';
import { throwIfCancelled } from './cancelled.ts';

export class Pause {
  readonly #events = new EventTarget();
  #paused = false;

  get paused(): boolean {
    return this.#paused;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#events.dispatchEvent(new Event('resume'));
  }

  /** Returns at once while nothing is paused. @throws DeployError cancelled, also while it stands still */
  async wait(signal?: AbortSignal): Promise<void> {
    while (this.#paused && signal?.aborted !== true) {
      await once(this.#events, 'resume', signal === undefined ? {} : { signal }).catch(() => undefined);
    }
    throwIfCancelled(signal);
  }
}
