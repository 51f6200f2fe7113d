// What readers of images keep in memory, so that reads that jump about do not load everything anew.

/** What was loaded last, the least recently used dropped first; one load serves all who wait for it, a failed one is forgotten. */
export class Recent<Key, Value> {
  readonly #limit: number;
  readonly #load: (key: Key) => Promise<Value>;
  readonly #held = new Map<Key, Promise<Value>>();

  constructor(limit: number, load: (key: Key) => Promise<Value>) {
    this.#limit = limit;
    this.#load = load;
  }

  get(key: Key): Promise<Value> {
    const value = this.#held.get(key) ?? this.#load(key);
    this.#held.delete(key);
    this.#held.set(key, value);
    value.catch(() => this.#held.get(key) === value && this.#held.delete(key));
    for (const oldest of this.#held.keys()) {
      if (this.#held.size <= this.#limit) break;
      this.#held.delete(oldest);
    }
    return value;
  }
}
