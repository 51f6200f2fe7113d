// How often an address may come with a wrong secret: secrets cannot be guessed anyway, but the log and the database shall have peace.

const windowMs = 60_000;
const maxWrong = 10;
/** More addresses than machines that boot within a minute; beyond, all begin anew. */
const maxAddresses = 10_000;

export class WrongTries {
  readonly #byAddress = new Map<string, { count: number; sinceMs: number }>();

  /** False until a minute after the first of too many. */
  mayTry(address: string, nowMs = Date.now()): boolean {
    const tries = this.#byAddress.get(address);
    if (tries === undefined) return true;
    if (nowMs - tries.sinceMs >= windowMs) this.#byAddress.delete(address);
    return !this.#byAddress.has(address) || tries.count < maxWrong;
  }

  note(address: string, nowMs = Date.now()): void {
    if (this.#byAddress.size >= maxAddresses) this.#byAddress.clear();
    const tries = this.#byAddress.get(address);
    this.#byAddress.set(address, { count: (tries?.count ?? 0) + 1, sinceMs: tries?.sinceMs ?? nowMs });
  }
}
