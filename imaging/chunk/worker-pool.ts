// The worker threads as the main thread sees them: lease a place, ask, give it back.
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { DeployError, fromErrorBody } from '../../protocol/errors.ts';
import type { CallName, WorkerCalls, WorkerOptions, WorkerReply } from './worker-messages.ts';

/** Slots in flight per worker: enough to hide a store's answer time, few enough for a machine with little memory. */
const buffersPerWorker = 6;
const maxWorkers = 16;

function defaultWorkerCount(): number {
  return Math.min(availableParallelism(), maxWorkers);
}

/** A place in one worker: one of its buffers, and the right to ask it. */
export type Lease = {
  readonly buffer: number;
  ask<Name extends CallName>(
    call: Name,
    request: WorkerCalls[Name]['request'],
    transfer?: readonly ArrayBuffer[],
  ): Promise<WorkerCalls[Name]['reply']>;
};

export class WorkerPool {
  readonly #threads: Thread[];
  readonly #waiting: (() => void)[] = [];

  constructor(options: Omit<WorkerOptions, 'bufferCount'>, workers: number = defaultWorkerCount()) {
    const all = { ...options, bufferCount: buffersPerWorker };
    this.#threads = Array.from({ length: Math.max(1, Math.min(workers, maxWorkers)) }, () => new Thread(all));
  }

  /** How many leases there are. */
  get size(): number {
    return this.#threads.length * buffersPerWorker;
  }

  /** Runs `work` with a place of the least busy worker, waiting for one if need be. */
  async lease<Result>(work: (lease: Lease) => Promise<Result>): Promise<Result> {
    let thread = this.#leastBusy();
    while (thread === undefined) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
      thread = this.#leastBusy();
    }
    const buffer = thread.free.pop() as number;
    try {
      return await work({ buffer, ask: (call, request, transfer) => thread.ask(call, request, transfer) });
    } finally {
      thread.free.push(buffer);
      this.#waiting.shift()?.();
    }
  }

  #leastBusy(): Thread | undefined {
    const best = this.#threads.reduce((a, b) => (b.free.length > a.free.length ? b : a));
    return best.free.length > 0 ? best : undefined;
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }
}

type Pending = { resolve(reply: never): void; reject(error: DeployError): void };

class Thread {
  readonly free: number[] = Array.from({ length: buffersPerWorker }, (_, i) => i);
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #nextId = 0;
  #failure: DeployError | undefined;

  constructor(options: WorkerOptions) {
    this.#worker = new Worker(workerFile(), { workerData: options, name: 'chunk' });
    this.#worker.on('message', (reply: WorkerReply) => this.#settle(reply));
    this.#worker.on('error', (cause) => this.#fail(new DeployError('internal', `a worker died: ${cause}`, { cause })));
    this.#worker.on('exit', () => this.#fail(new DeployError('internal', 'a worker ended')));
  }

  ask<Name extends CallName>(
    call: Name,
    request: WorkerCalls[Name]['request'],
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<WorkerCalls[Name]['reply']> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage({ id, call, request }, transfer);
    });
  }

  #settle(reply: WorkerReply): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if ('error' in reply) pending?.reject(fromErrorBody(reply.error));
    else pending?.resolve(reply.reply as never);
  }

  #fail(error: DeployError): void {
    this.#failure ??= error;
    for (const pending of this.#pending.values()) pending.reject(this.#failure);
    this.#pending.clear();
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** Beside this file; or, in the agent's bundle, beside the bundle. */
function workerFile(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './chunk-worker.mjs', import.meta.url);
}
