// One client that watches: what it wants to hear of, and what it has not been told yet, which never grows beyond a bound.
import type { WebSocket } from 'ws';
import type { Event, WatchRequest } from '../../protocol/events.ts';
import { isSame, type Visible } from './visible.ts';

type LogEntries = Extract<Event, { type: 'log' }>['entries'];

/** What the connection has not taken yet; more than so much waits here, where it can still be replaced by what is newer. */
const maxBufferedBytes = 256 * 1024;
const maxPending = 5000;
const maxLogEntries = 1000;

export class Watcher {
  readonly #socket: WebSocket;
  /** By what it is about: of a thing that changes again before it could be sent, the newest counts. */
  readonly #pending = new Map<string, string>();
  #log: LogEntries = [];
  /** The last entry of its job's log that it was given. */
  logNumber = 0;
  watch: WatchRequest | null = null;
  /** Of the job whose log it watches. */
  #machineId: string | null = null;
  #visible: Visible | null = null;
  readonly #jobs = new Set<string>();

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  /** What it may hear of; null: all. When that changes, the client has to ask anew. */
  show(visible: Visible | null): void {
    const changed = this.watch !== null && !isSame(visible, this.#visible);
    this.#visible = visible;
    this.#jobs.clear();
    for (const id of visible?.jobs ?? []) this.#jobs.add(id);
    if (changed) this.offer({ type: 'resync' }, JSON.stringify({ type: 'resync' } satisfies Event));
  }

  sees(machineId: string): boolean {
    return this.#visible?.machines.has(machineId) ?? true;
  }

  #mayHear(event: Event): boolean {
    if (this.#visible === null) return true;
    switch (event.type) {
      case 'machine':
      case 'machineGone':
        return this.sees(event.id);
      case 'job':
        if (this.sees(event.machineId)) this.#jobs.add(event.id);
        return this.sees(event.machineId);
      case 'jobGone':
        return this.#jobs.has(event.id);
      case 'progress':
        return this.#jobs.has(event.jobId);
      // Images are for those who see every machine.
      case 'imageCheck':
      case 'imageCheckGone':
        return false;
      default:
        return true;
    }
  }

  /** Begins anew with the log when the job is another one. */
  begin(watch: WatchRequest, machineId: string | null): void {
    if (watch.job !== this.watch?.job) {
      this.logNumber = 0;
      this.#log = [];
    }
    this.watch = watch;
    this.#machineId = machineId;
  }

  /** `text` is the event as JSON, made once for all watchers. */
  offer(event: Event, text: string): void {
    const key = keyOf(event);
    this.#pending.delete(key);
    this.#pending.set(key, text);
    if (this.#pending.size <= maxPending) return;
    this.#pending.clear();
    this.#pending.set('resync', JSON.stringify({ type: 'resync' } satisfies Event));
  }

  offerLog(entries: LogEntries): void {
    if (this.#machineId !== null && !this.sees(this.#machineId)) return;
    const fresh = entries.filter(({ number }) => number > this.logNumber);
    this.logNumber = fresh.at(-1)?.number ?? this.logNumber;
    this.#log = [...this.#log, ...fresh].slice(-maxLogEntries);
  }

  wants(event: Event): boolean {
    const { watch } = this;
    if (watch === null || !this.#mayHear(event)) return false;
    switch (event.type) {
      case 'machine':
      case 'machineGone':
        return watch.machines;
      case 'job':
      case 'jobGone':
        return watch.jobs || watch.job === event.id;
      case 'progress':
        return watch.jobs || watch.job === event.jobId;
      case 'imageCheck':
      case 'imageCheckGone':
        return watch.imageChecks;
      default:
        return true;
    }
  }

  /** In one frame, unless the client is still busy with earlier ones. */
  flush(): void {
    if (this.#socket.readyState !== this.#socket.OPEN || this.#socket.bufferedAmount > maxBufferedBytes) return;
    const texts = [...this.#pending.values()];
    const jobId = this.watch?.job ?? null;
    if (this.#log.length > 0 && jobId !== null) {
      texts.push(JSON.stringify({ type: 'log', jobId, entries: this.#log } satisfies Event));
    }
    if (texts.length === 0) return;
    this.#pending.clear();
    this.#log = [];
    this.#socket.send(`[${texts.join(',')}]`);
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }
}

function keyOf(event: Event): string {
  switch (event.type) {
    case 'machine':
    case 'machineGone':
      return `machine ${event.id}`;
    case 'job':
    case 'jobGone':
      return `job ${event.id}`;
    case 'imageCheck':
    case 'imageCheckGone':
      return `imageCheck ${event.id}`;
    case 'progress':
    case 'log':
      return `${event.type} ${event.jobId}`;
    default:
      return event.type;
  }
}
