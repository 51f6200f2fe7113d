// The worker threads as the main thread sees them: lease a place, ask, give it back.
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { DeployError, fromErrorBody } from '../../protocol/errors.ts';
import type { CallName, WorkerCalls, WorkerOptions, WorkerReply } from './worker-messages.ts';

/** Slots in flight per worker: enough to hide a store's answer time, few enough for a machine with little memory. */
const defaultBufferCount = 8;
const maxWorkers = 16;

type WorkerPoolOptions = Omit<WorkerOptions, 'bufferCount'> & { readonly bufferCount?: number };

/** Places in one worker: some of its buffers, and the right to ask it. */
export type Leases = {
  readonly buffers: readonly number[];
  ask<Name extends CallName>(
    call: Name,
    request: WorkerCalls[Name]['request'],
    transfer?: readonly ArrayBuffer[],
  ): Promise<WorkerCalls[Name]['reply']>;
};

/** One place in one worker. */
type Lease = Pick<Leases, 'ask'> & { readonly buffer: number };

export class WorkerPool {
  readonly #threads: Thread[];
  readonly #bufferCount: number;
  readonly #waiting: (() => void)[] = [];

  constructor(options: WorkerPoolOptions, workers: number = availableParallelism()) {
    this.#bufferCount = options.bufferCount ?? defaultBufferCount;
    const all = { ...options, bufferCount: this.#bufferCount };
    this.#threads = Array.from({ length: Math.max(1, Math.min(workers, maxWorkers)) }, () => new Thread(all));
  }

  /** How many leases there are. */
  get size(): number {
    return this.#threads.length * this.#bufferCount;
  }

  /** Runs `work` with a place of the least busy worker, waiting for one if need be. */
  lease<Result>(work: (lease: Lease) => Promise<Result>): Promise<Result> {
    return this.leaseMany(1, ({ buffers, ask }) => work({ buffer: buffers[0] as number, ask }));
  }

  /** The same with `count` places of one worker, at most as many as it has. */
  async leaseMany<Result>(count: number, work: (leases: Leases) => Promise<Result>): Promise<Result> {
    let thread = this.#leastBusy();
    while (thread.free.length < count) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
      thread = this.#leastBusy();
    }
    const buffers = thread.free.splice(-count);
    try {
      return await work({ buffers, ask: (call, request, transfer) => thread.ask(call, request, transfer) });
    } finally {
      thread.free.push(...buffers);
      // All of them, because they want different numbers; who comes too late waits again.
      for (const wake of this.#waiting.splice(0)) wake();
    }
  }

  #leastBusy(): Thread {
    return this.#threads.reduce((a, b) => (b.free.length > a.free.length ? b : a));
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }
}

type Pending = { resolve(reply: never): void; reject(error: DeployError): void };

class Thread {
  readonly free: number[];
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #nextId = 0;
  #failure: DeployError | undefined;

  constructor(options: WorkerOptions) {
    this.free = Array.from({ length: options.bufferCount }, (_, i) => i);
    this.#worker = new Worker(workerFile(), { workerData: options, name: 'chunk' });
    this.#worker.on('message', (reply: WorkerReply) => this.#settle(reply));
    this.#worker.on('error', (cause) => this.#fail(new DeployError('internal', `a worker died: ${cause}`, { cause })));
    this.#worker.on('exit', () => this.#fail(new DeployError('internal', 'a worker ended')));
    // It keeps the process alive only while somebody waits for an answer.
    this.#worker.unref();
  }

  ask<Name extends CallName>(
    call: Name,
    request: WorkerCalls[Name]['request'],
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<WorkerCalls[Name]['reply']> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      if (this.#pending.size === 0) this.#worker.ref();
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage({ id, call, request }, transfer);
    });
  }

  #settle(reply: WorkerReply): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if (this.#pending.size === 0) this.#worker.unref();
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
