// Guessing passwords is made slow: after a few failures a name from an address, and an address as a whole, has to wait, each time longer.

import { foldName } from '../fold-name.ts';

type Failures = { count: number; untilMs: number };

const forgetAfterMs = 30 * 60_000;
const firstPauseMs = 5000;
const longestPauseMs = 15 * 60_000;
/** An address may be that of many people. */
const free = { pair: 5, address: 50 } as const;
/** What is remembered is bounded: the oldest is forgotten first. */
const maxKnown = 10_000;

export class LoginThrottle {
  readonly #known = new Map<string, Failures & { atMs: number }>();

  /** Milliseconds to wait before the next try; 0 when it may be made now. */
  waitMs(name: string, address: string, nowMs = Date.now()): number {
    return Math.max(0, ...keysOf(name, address).map(({ key }) => (this.#recall(key, nowMs)?.untilMs ?? 0) - nowMs));
  }

  failed(name: string, address: string, nowMs = Date.now()): void {
    for (const { key, free: allowed } of keysOf(name, address)) {
      const count = (this.#recall(key, nowMs)?.count ?? 0) + 1;
      const beyond = count - allowed;
      const pauseMs = beyond < 0 ? 0 : Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(beyond, 20));
      this.#known.delete(key);
      this.#known.set(key, { count, untilMs: nowMs + pauseMs, atMs: nowMs });
    }
    for (const key of this.#known.keys()) {
      if (this.#known.size <= maxKnown) break;
      this.#known.delete(key);
    }
  }

  /** The name alone: whoever knows one password does not get the address more tries. */
  succeeded(name: string, address: string): void {
    this.#known.delete(pairKey(name, address));
  }

  #recall(key: string, nowMs: number): Failures | undefined {
    const known = this.#known.get(key);
    return known === undefined || nowMs - known.atMs > forgetAfterMs ? undefined : known;
  }
}

function keysOf(name: string, address: string) {
  return [
    { key: pairKey(name, address), free: free.pair },
    { key: `address ${address}`, free: free.address },
  ];
}

function pairKey(name: string, address: string): string {
  return `pair ${address} ${foldName(name)}`;
}
