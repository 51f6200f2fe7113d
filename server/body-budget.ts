// Bounds the memory of all uploads under way: a body waits on its connection until there is room for it.
import type { IncomingMessage, ServerResponse } from 'node:http';

type Waiter = { readonly bytes: number; start(): void };

export class BodyBudget {
  #freeBytes: number;
  readonly #totalBytes: number;
  readonly #waiting: Waiter[] = [];

  constructor(totalBytes: number) {
    this.#totalBytes = totalBytes;
    this.#freeBytes = totalBytes;
  }

  /** Calls `start` once the body fits, in the order of asking, and takes its room back when the answer is out or the connection gone. */
  admit(request: IncomingMessage, response: ServerResponse, start: () => void): void {
    // A length that is missing or too large is refused by the body limit, whatever is reserved for it.
    const announced = Number(request.headers['content-length'] ?? this.#totalBytes / 16);
    const bytes = Math.min(announced, this.#totalBytes);
    let held = false;
    const waiter: Waiter = {
      bytes,
      start: () => {
        held = true;
        start();
      },
    };
    response.once('close', () => {
      if (held) this.#release(bytes);
      else this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
    });
    this.#waiting.push(waiter);
    this.#startWaiting();
  }

  #release(bytes: number): void {
    this.#freeBytes += bytes;
    this.#startWaiting();
  }

  #startWaiting(): void {
    for (let next = this.#waiting[0]; next !== undefined && next.bytes <= this.#freeBytes; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#freeBytes -= next.bytes;
      next.start();
    }
  }
}
