// One thing that a page reads of the server: what was read last, what went wrong, and reading it again.
import { type ApiError, toApiError } from './client.ts';

export class Resource<T> {
  value = $state.raw<T | undefined>();
  error = $state.raw<ApiError | null>(null);
  readonly #read: () => Promise<T>;
  #reading: Promise<void> | null = null;
  #again = false;

  constructor(read: () => Promise<T>) {
    this.#read = read;
  }

  /** Asked for while it is being read, it is read once more after that, however often it was asked. */
  load(): Promise<void> {
    if (this.#reading !== null) {
      this.#again = true;
      return this.#reading;
    }
    this.#reading = this.#once();
    return this.#reading;
  }

  async #once(): Promise<void> {
    do {
      this.#again = false;
      try {
        this.value = await this.#read();
        this.error = null;
      } catch (thrown) {
        this.error = toApiError(thrown);
      }
    } while (this.#again);
    this.#reading = null;
  }
}
