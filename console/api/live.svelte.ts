// Live events of the server (`/v1/events`): one WebSocket for all of the console, which comes back by itself; without it, lists are read again and again.
import type { Event } from '../../protocol/events.ts';

/** What somebody wants to hear of, and what is done with it. */
export type Watch = {
  readonly machines?: boolean;
  readonly jobs?: boolean;
  readonly imageChecks?: boolean;
  /** One job with its log. */
  readonly job?: string;
  /** All that one frame brings. */
  hear(events: readonly Event[]): void;
  /** Read anew what is shown: at the beginning, after a gap, and now and then while there is no connection. */
  reload(): void;
};

const pollMs = 10_000;
const patience = { firstMs: 1000, longestMs: 30_000 };

class Live {
  /** False when the connection was lost, not before the first. */
  connected = $state(true);
  readonly #watches = new Set<Watch>();
  #socket: WebSocket | null = null;
  #failures = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #poll: ReturnType<typeof setInterval> | undefined;

  /** Until the function that it answers is called. */
  watch(watch: Watch): () => void {
    this.#watches.add(watch);
    if (this.#socket?.readyState === WebSocket.OPEN) this.#ask();
    else {
      watch.reload();
      this.#open();
    }
    return () => {
      this.#watches.delete(watch);
      if (this.#watches.size === 0) this.#end();
      else if (this.#socket?.readyState === WebSocket.OPEN) this.#ask();
    };
  }

  #open(): void {
    if (this.#socket !== null) return;
    clearTimeout(this.#retry);
    const socket = new WebSocket(`wss://${location.host}/v1/events`);
    this.#socket = socket;
    socket.onopen = () => {
      this.#failures = 0;
      this.connected = true;
      clearInterval(this.#poll);
      this.#ask();
    };
    socket.onmessage = ({ data }) => this.#hear(JSON.parse(String(data)) as Event[]);
    socket.onclose = () => {
      if (this.#socket === socket) this.#lost();
    };
  }

  #ask(): void {
    const watches = [...this.#watches];
    const job = watches.find((watch) => watch.job !== undefined)?.job ?? null;
    const machines = watches.some((watch) => watch.machines === true);
    const jobs = watches.some((watch) => watch.jobs === true);
    const imageChecks = watches.some((watch) => watch.imageChecks === true);
    this.#socket?.send(JSON.stringify({ type: 'watch', machines, jobs, imageChecks, job }));
  }

  #hear(events: readonly Event[]): void {
    const anew = events.some(({ type }) => type === 'watching' || type === 'resync');
    for (const watch of this.#watches) {
      if (anew) watch.reload();
      watch.hear(events);
    }
  }

  #lost(): void {
    this.#socket = null;
    this.#failures += 1;
    // A server that restarts is back within a second or two.
    this.connected = this.#failures < 2;
    clearInterval(this.#poll);
    this.#poll = setInterval(() => {
      for (const watch of this.#watches) watch.reload();
    }, pollMs);
    const waitMs = Math.min(patience.longestMs, patience.firstMs * 2 ** (this.#failures - 1));
    this.#retry = setTimeout(() => this.#open(), waitMs);
  }

  #end(): void {
    clearTimeout(this.#retry);
    clearInterval(this.#poll);
    const socket = this.#socket;
    this.#socket = null;
    this.connected = true;
    this.#failures = 0;
    socket?.close();
  }
}

export const live = new Live();
