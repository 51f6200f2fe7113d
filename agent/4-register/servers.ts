// Fourth stage: the servers that have one database and one CA in common. The agent stays with one, and goes to the next when that does not answer.
import type { ServerConnection } from '../context.ts';

export class Servers {
  readonly ca: string;
  /** Where the machine was told to go comes first, and is never forgotten. */
  readonly #first: string;
  #urls: readonly string[];
  #url: string;

  constructor({ url, ca }: ServerConnection) {
    this.ca = ca;
    this.#first = url;
    this.#urls = [url];
    this.#url = url;
  }

  /** The one that is talked to, or tried now. */
  get url(): string {
    return this.#url;
  }

  /** A server has said which there are. Those that it does not name are gone, but for the first and the one that has just spoken. */
  learn(urls: readonly string[]): void {
    this.#urls = [...new Set([this.#first, this.#url, ...urls])];
  }

  /** The one that was tried does not answer. */
  goOn(): void {
    this.#url = this.#urls[(this.#urls.indexOf(this.#url) + 1) % this.#urls.length] ?? this.#first;
  }
}
