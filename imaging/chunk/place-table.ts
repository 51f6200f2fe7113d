// Where on the target a chunk is believed to lie, so that it can be copied instead of fetched. A belief: whoever reads there checks the digest.
import type { Digest } from '../store/chunk-store.ts';

/** 16 MiB: the chunks of a terabyte of used disk. Larger ones push the oldest beliefs out. */
const maxPlaces = 2 ** 21;
/** Places looked at for one digest before an older one is overwritten. */
const probes = 8;

/** A hash table of fixed size. It keeps 32 bits of each digest, so that two chunks are rarely taken for each other, and then harmlessly. */
export class PlaceTable {
  readonly #marks: Uint32Array;
  /** Slot number + 1; 0 is empty. */
  readonly #slots: Uint32Array;

  /** For about `expected` chunks. */
  constructor(expected: number) {
    const places = Math.min(maxPlaces, 2 ** Math.ceil(Math.log2(Math.max(16, 2 * expected))));
    this.#marks = new Uint32Array(places);
    this.#slots = new Uint32Array(places);
  }

  put(digest: Digest, slot: number): void {
    const { first, mark } = this.#hash(digest);
    const at = this.#find(first, (place) => this.#slots[place] === 0 || this.#marks[place] === mark) ?? first;
    this.#marks[at] = mark;
    this.#slots[at] = slot + 1;
  }

  /** The slot that may hold the chunk, counted from the start of the disk. */
  find(digest: Digest): number | null {
    const { first, mark } = this.#hash(digest);
    const at = this.#find(first, (place) => this.#slots[place] !== 0 && this.#marks[place] === mark);
    return at === null ? null : (this.#slots[at] as number) - 1;
  }

  #find(first: number, fits: (place: number) => boolean): number | null {
    for (let i = 0; i < probes; i++) {
      const place = (first + i) % this.#slots.length;
      if (fits(place)) return place;
    }
    return null;
  }

  #hash(digest: Digest): { first: number; mark: number } {
    const first = Number.parseInt(digest.slice(0, 8), 16) % this.#slots.length;
    return { first, mark: Number.parseInt(digest.slice(8, 16), 16) };
  }
}
