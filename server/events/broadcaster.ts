// Once a second, and once for all clients of this server: what has changed in the database goes to those who watch it.
import type { Event } from '../../protocol/events.ts';
import type { Context } from '../context.ts';
import type { Tables } from '../database/schema.ts';
import { ChangeFeed } from './change-feed.ts';
import {
  listLapsedMachines,
  readImageCheckEvents,
  readJobEvents,
  readLogAfter,
  readMachineEvents,
  readRunningProgress,
} from './read-events.ts';
import type { Watcher } from './watcher.ts';

const everyMs = 1000;

export class Broadcaster {
  readonly #context: Context;
  readonly #watchers = new Set<Watcher>();
  #timer: NodeJS.Timeout | undefined;
  #feed: Promise<ChangeFeed> | null = null;
  /** The progress of running jobs that was told last. */
  #progress = new Map<string, string>();
  #lookedAt = new Date().toISOString();
  #running: Promise<void> | null = null;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Once it is back, the watcher hears of every change. */
  async add(watcher: Watcher): Promise<void> {
    this.#watchers.add(watcher);
    this.#feed ??= this.#begin();
    await this.#feed;
  }

  remove(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size === 0) this.#end();
  }

  #begin(): Promise<ChangeFeed> {
    this.#lookedAt = new Date().toISOString();
    this.#progress = new Map();
    const feed = ChangeFeed.open(this.#context.db);
    feed.then(
      () => {
        if (this.#feed === feed) this.#timer = setInterval(() => this.#tick(), everyMs);
      },
      () => {
        if (this.#feed === feed) this.#feed = null;
      },
    );
    return feed;
  }

  #end(): void {
    clearInterval(this.#timer);
    this.#feed = null;
  }

  #tick(): void {
    this.#running ??= this.#look()
      .catch((err: Error) => this.#context.log.error({ err }, 'live events: the database was not read'))
      .finally(() => {
        this.#running = null;
      });
  }

  async close(): Promise<void> {
    this.#end();
    await this.#running;
  }

  async #look(): Promise<void> {
    if (this.#feed === null) return;
    const changes = await (await this.#feed).read();
    if (changes === null) this.#tell([{ type: 'resync' }]);
    const ids = (kind: Tables['changes']['kind']) =>
      (changes ?? []).filter((one) => one.kind === kind).map(({ id }) => id);
    await this.#tellOfMachines(ids('machine'));
    await this.#tellOfJobs(ids('job'));
    await this.#tellOfImageChecks(ids('imageCheck'));
    await this.#tellOfLogs();
    for (const watcher of this.#watchers) watcher.flush();
  }

  async #tellOfMachines(changed: readonly string[]): Promise<void> {
    const { db } = this.#context;
    const [from, until] = [this.#lookedAt, new Date().toISOString()];
    if (!this.#anybody(({ machines }) => machines)) return;
    const ids = new Set([...changed, ...(await listLapsedMachines(db, from, until))]);
    this.#lookedAt = until;
    if (ids.size > 0) this.#tell(await readMachineEvents(db, [...ids]));
  }

  async #tellOfJobs(changed: readonly string[]): Promise<void> {
    const { db } = this.#context;
    if (!this.#anybody(({ jobs, job }) => jobs || job !== null)) return;
    if (changed.length > 0) this.#tell(await readJobEvents(db, changed));
    const known = this.#progress;
    this.#progress = await readRunningProgress(db);
    const moved = [...this.#progress].filter(([id, progress]) => known.get(id) !== progress);
    this.#tell(moved.map(([jobId, text]) => ({ type: 'progress', jobId, progress: JSON.parse(text) })));
  }

  async #tellOfImageChecks(changed: readonly string[]): Promise<void> {
    if (changed.length === 0 || !this.#anybody(({ imageChecks }) => imageChecks)) return;
    this.#tell(await readImageCheckEvents(this.#context.db, changed));
  }

  /** What is said of one job, to all who look at it. */
  async #tellOfLogs(): Promise<void> {
    const byJob = Map.groupBy(this.#watchers, ({ watch }) => watch?.job ?? null);
    for (const [jobId, watchers] of byJob) {
      if (jobId === null) continue;
      const from = Math.min(...watchers.map(({ logNumber }) => logNumber));
      const entries = await readLogAfter(this.#context.db, jobId, from);
      // Meanwhile it may have begun to watch another job.
      for (const watcher of watchers) if (watcher.watch?.job === jobId) watcher.offerLog(entries);
    }
  }

  #anybody(wants: (watch: NonNullable<Watcher['watch']>) => boolean): boolean {
    return [...this.#watchers].some(({ watch }) => watch !== null && wants(watch));
  }

  #tell(events: readonly Event[]): void {
    for (const event of events) {
      const text = JSON.stringify(event);
      for (const watcher of this.#watchers) if (watcher.wants(event)) watcher.offer(event, text);
    }
  }
}
