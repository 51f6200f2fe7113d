// A thread for a directory store's files, started when it is first needed and gone when the store is closed.
import type { CallName, WorkerCalls } from '../chunk/worker-messages.ts';
import { WorkerPool } from '../chunk/worker-pool.ts';

type FileCall = Extract<CallName, 'makeFiles' | 'findFiles'>;

export class StoreThread {
  #pool: WorkerPool | undefined;
  readonly #underWay = new Set<Promise<unknown>>();

  async ask<Name extends FileCall>(
    call: Name,
    request: WorkerCalls[Name]['request'],
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<WorkerCalls[Name]['reply']> {
    this.#pool ??= new WorkerPool({ device: null, chunkSizeBytes: 4096 }, 1);
    const asked = this.#pool.lease(({ ask }) => ask(call, request, transfer));
    this.#underWay.add(asked);
    try {
      return await asked;
    } finally {
      this.#underWay.delete(asked);
    }
  }

  /** Ends what is under way first: files cut off in the middle of their making would stay under temporary names. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#underWay);
    const pool = this.#pool;
    this.#pool = undefined;
    await pool?.close();
  }
}
