// A list of things of the server that is kept up to date by live events, for as long as some page shows it.
import type { Event } from '../../protocol/events.ts';
import { type ApiError, toApiError } from './client.ts';
import { live, type Watch } from './live.svelte.ts';

type Identified = { readonly id: string };

export type ListSource<T extends Identified> = {
  readonly wants: Pick<Watch, 'machines' | 'jobs' | 'imageChecks'>;
  readAll(): Promise<readonly T[]>;
  /** What an event makes of the list; ids whose whole is to be read anew are answered. */
  apply(items: Map<string, T>, event: Event): string | undefined;
  readOne(id: string): Promise<T>;
};

/** More than these at once are read as a whole. */
const maxSingles = 20;

export class LiveList<T extends Identified> {
  items = $state.raw<ReadonlyMap<string, T>>(new Map());
  loaded = $state(false);
  error = $state.raw<ApiError | null>(null);
  readonly #source: ListSource<T>;
  #holders = 0;
  #stop: (() => void) | undefined;
  #reading = false;
  #again = false;
  /** What came while the list was being read, which may be older or newer than it. */
  #meanwhile: Event[] = [];

  constructor(source: ListSource<T>) {
    this.#source = source;
  }

  /** For an `$effect`: kept up to date until the function that it answers is called. */
  hold(): () => void {
    this.#holders += 1;
    if (this.#holders === 1) {
      this.#stop = live.watch({
        ...this.#source.wants,
        hear: (events) => this.#hear(events),
        reload: () => void this.reload(),
      });
    }
    return () => {
      this.#holders -= 1;
      if (this.#holders === 0) this.#stop?.();
    };
  }

  async reload(): Promise<void> {
    if (this.#reading) {
      this.#again = true;
      return;
    }
    this.#reading = true;
    do {
      this.#again = false;
      try {
        const all = await this.#source.readAll();
        this.items = new Map(all.map((item) => [item.id, item]));
        this.#apply(this.#meanwhile.splice(0));
        this.loaded = true;
        this.error = null;
      } catch (thrown) {
        this.error = toApiError(thrown);
      }
    } while (this.#again);
    this.#reading = false;
  }

  #hear(events: readonly Event[]): void {
    if (this.#reading) this.#meanwhile.push(...events);
    this.#apply(events);
  }

  #apply(events: readonly Event[]): void {
    if (events.length === 0) return;
    const items = new Map(this.items);
    const ids = new Set<string>();
    for (const event of events) {
      const id = this.#source.apply(items, event);
      if (id !== undefined) ids.add(id);
    }
    this.items = items;
    if (ids.size > maxSingles) void this.reload();
    else for (const id of ids) void this.#readOne(id);
  }

  async #readOne(id: string): Promise<void> {
    try {
      const item = await this.#source.readOne(id);
      this.items = new Map(this.items).set(id, item);
    } catch {
      // Gone meanwhile, which an event tells.
    }
  }
}
