// Bounds the memory of all uploads under way: a body waits on its connection until there is room for it.
import type { IncomingMessage, ServerResponse } from 'node:http';

type Bounds = {
  /** What quick bodies hold together: enough to keep the server at work. */
  readonly quickBytes: number;
  /** A body that takes longer to come waits for its sender, and nobody shall wait for that one: it is no longer counted among the quick ones. */
  readonly quickWithinMs: number;
  /** What all hold together, slow ones too. */
  readonly totalBytes: number;
};
type Waiter = { readonly quickBytes: number; readonly totalBytes: number; start(): void };

export class BodyBudget {
  readonly #bounds: Bounds;
  #freeQuickBytes: number;
  #freeTotalBytes: number;
  readonly #waiting: Waiter[] = [];

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
    this.#freeQuickBytes = bounds.quickBytes;
    this.#freeTotalBytes = bounds.totalBytes;
  }

  /** Calls `start` once the body fits, in the order of asking, and takes its room back when the answer is out or the connection gone. */
  admit(request: IncomingMessage, response: ServerResponse, start: () => void): void {
    // A length that is missing or too large is refused by the body limit, whatever is reserved for it.
    const announced = Number(request.headers['content-length'] ?? this.#bounds.totalBytes / 16);
    const quickBytes = Math.min(announced, this.#bounds.quickBytes);
    const totalBytes = Math.min(announced, this.#bounds.totalBytes);
    let held: 'no' | 'quick' | 'slow' = 'no';
    let timer: NodeJS.Timeout | undefined;
    const waiter: Waiter = {
      quickBytes,
      totalBytes,
      start: () => {
        held = 'quick';
        timer = setTimeout(() => {
          if (request.complete) return;
          held = 'slow';
          this.#release(quickBytes, 0);
        }, this.#bounds.quickWithinMs);
        start();
      },
    };
    response.once('close', () => {
      clearTimeout(timer);
      if (held === 'no') this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
      this.#release(held === 'quick' ? quickBytes : 0, held === 'no' ? 0 : totalBytes);
    });
    this.#waiting.push(waiter);
    this.#startWaiting();
  }

  #release(quickBytes: number, totalBytes: number): void {
    this.#freeQuickBytes += quickBytes;
    this.#freeTotalBytes += totalBytes;
    this.#startWaiting();
  }

  #startWaiting(): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#hasRoomFor(next); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#freeQuickBytes -= next.quickBytes;
      this.#freeTotalBytes -= next.totalBytes;
      next.start();
    }
  }

  #hasRoomFor({ quickBytes, totalBytes }: Waiter): boolean {
    return quickBytes <= this.#freeQuickBytes && totalBytes <= this.#freeTotalBytes;
  }
}
