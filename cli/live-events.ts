// What a server tells of its jobs and checks of images while somebody looks at them (docs/decisions/045): its live events, and where they cannot be had, that it is time to ask.
import { WebSocket } from 'ws';
import { backoffDelayMs } from '../imaging/store/backoff.ts';
import { pinnedTls } from '../imaging/store/pinned-ca.ts';
import { type Event, eventsSchema, type WatchRequest } from '../protocol/events.ts';
import type { ImageCheck } from '../protocol/image-check.ts';
import type { Job } from '../protocol/rest.ts';
import { keepAlive } from '../server/listener/web-sockets.ts';

const backoff = { firstMs: 500, maxMs: 15_000 };
/** Without events. */
const pollMs = 1000;
/** With them: should one be lost after all, it is seen so much later. */
const lookAnywayMs = 10_000;
const handshakeMs = 15_000;
const maxFrameBytes = 64 * 1024 * 1024;
/** More is not kept for one who does not come to read them. */
const maxEvents = 10_000;

/** What is shown is to be read anew. */
const gaps: readonly Event['type'][] = ['watching', 'resync', 'jobGone', 'imageCheckGone'];

export type LiveServer = { readonly url: string; readonly ca: string; readonly headers: Record<string, string> };

/** One connection, opened again for as long as it is wanted; why it broke is for whoever asks the server to say. */
export class LiveEvents {
  readonly #server: LiveServer;
  readonly #watch: Partial<WatchRequest>;
  #socket: WebSocket | undefined;
  #attempt = 0;
  #retry: NodeJS.Timeout | undefined;
  #listening = false;
  #closed = false;
  #events: Event[] = [];
  #readAnew = true;
  #wake: () => void = () => {};

  constructor(server: LiveServer, watch: Partial<WatchRequest>) {
    this.#server = server;
    this.#watch = watch;
    this.#connect();
  }

  /** Waits for the next events; null: read anew what is shown, for it is the beginning, something may have been missed, or there are no events. */
  async next(): Promise<readonly Event[] | null> {
    if (!this.#readAnew && this.#events.length === 0) await this.#wait(this.#listening ? lookAnywayMs : pollMs);
    const events = this.#readAnew || this.#events.length === 0 ? null : this.#events;
    this.#readAnew = false;
    this.#events = [];
    return events;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#socket?.terminate();
  }

  async #wait(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, ms);
    });
    clearTimeout(timer);
  }

  #connect(): void {
    const { url, ca, headers } = this.#server;
    const socket = new WebSocket(`${url.replace(/^https:/, 'wss:').replace(/\/$/, '')}/v1/events`, {
      ...pinnedTls(ca),
      headers,
      maxPayload: maxFrameBytes,
      perMessageDeflate: false,
      handshakeTimeout: handshakeMs,
    });
    this.#socket = socket;
    let stopPings = (): void => {};
    socket.on('open', () => {
      stopPings = keepAlive(socket);
      socket.send(JSON.stringify({ type: 'watch', ...this.#watch }));
    });
    socket.on('message', (data: Buffer) => this.#hear(socket, data));
    socket.on('error', () => socket.terminate());
    socket.on('close', () => {
      stopPings();
      this.#lose();
    });
  }

  #hear(socket: WebSocket, data: Buffer): void {
    try {
      const events = eventsSchema.parse(JSON.parse(data.toString()));
      this.#events.push(...events);
      if (events.some(({ type }) => type === 'watching')) {
        this.#attempt = 0;
        this.#listening = true;
      }
      const gap = events.some(({ type }) => gaps.includes(type));
      this.#readAnew ||= gap || this.#events.length > maxEvents;
      if (this.#readAnew) this.#events = [];
      this.#wake();
    } catch {
      // A server of another version: it is asked instead.
      socket.terminate();
    }
  }

  #lose(): void {
    if (this.#closed) return;
    if (this.#listening) {
      this.#listening = false;
      this.#readAnew = true;
      this.#wake();
    }
    this.#retry = setTimeout(() => this.#connect(), backoffDelayMs(this.#attempt++, backoff));
  }
}

/** The job as it is after these events; its results are not told. */
export function afterEvents(job: Job, events: readonly Event[]): Job {
  let now = job;
  for (const event of events) {
    if (event.type === 'job' && event.id === job.id) now = { ...now, ...event };
    if (event.type === 'progress' && event.jobId === job.id) now = { ...now, progress: event.progress };
  }
  return now;
}

/** The check as it is after these events; what it has found is not told. */
export function imageCheckAfter(check: ImageCheck, events: readonly Event[]): ImageCheck {
  let now = check;
  for (const event of events) if (event.type === 'imageCheck' && event.id === check.id) now = { ...now, ...event };
  return now;
}
