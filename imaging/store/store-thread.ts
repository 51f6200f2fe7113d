// A thread for a directory store's files, started when it is first needed and gone when the store is closed.
import type { CallName, WorkerCalls } from '../chunk/worker-messages.ts';
import { WorkerPool } from '../chunk/worker-pool.ts';

type FileCall = Extract<CallName, 'makeFiles' | 'findFiles'>;

export class StoreThread {
  #pool: WorkerPool | undefined;

  async ask<Name extends FileCall>(
    call: Name,
    request: WorkerCalls[Name]['request'],
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<WorkerCalls[Name]['reply']> {
    this.#pool ??= new WorkerPool({ device: null, chunkSizeBytes: 4096 }, 1);
    return await this.#pool.lease(({ ask }) => ask(call, request, transfer));
  }

  async close(): Promise<void> {
    const pool = this.#pool;
    this.#pool = undefined;
    await pool?.close();
  }
}
