// Wrong passwords are counted by name and address, and by address alone, which may be that of many people.
import { foldName } from '../fold-name.ts';
import { WrongTries } from '../wrong-tries.ts';

const pauses = { firstPauseMs: 5000, longestPauseMs: 15 * 60_000 };

export class LoginThrottle {
  readonly #pairs = new WrongTries({ free: 5, ...pauses });
  readonly #addresses = new WrongTries({ free: 50, ...pauses });

  /** Milliseconds to wait before the next try; 0 when it may be made now. */
  waitMs(name: string, address: string, nowMs = performance.now()): number {
    return Math.max(this.#pairs.waitMs(pairOf(name, address), nowMs), this.#addresses.waitMs(address, nowMs));
  }

  failed(name: string, address: string, nowMs = performance.now()): void {
    this.#pairs.note(pairOf(name, address), nowMs);
    this.#addresses.note(address, nowMs);
  }

  /** The name alone: whoever knows one password does not get the address more tries. */
  succeeded(name: string, address: string): void {
    this.#pairs.forget(pairOf(name, address));
  }
}

function pairOf(name: string, address: string): string {
  return `${address} ${foldName(name)}`;
}
