// The log of one job: its newest lines, then each new one, as live events bring them; without them, read as a whole.
import type { Event } from '../../../protocol/events.ts';
import { get } from '../../api/client.ts';
import { live } from '../../api/live.svelte.ts';

type Entry = Omit<Extract<Event, { type: 'log' }>['entries'][number], 'number'>;

/** What is shown at once; the server keeps 5000. */
const maxShown = 1000;

export class JobLog {
  entries = $state.raw<readonly Entry[]>([]);
  /** There are older lines than those shown. */
  more = $state(false);
  readonly #path: string;
  #last = 0;

  constructor(jobId: string) {
    this.#path = `/v1/jobs/${encodeURIComponent(jobId)}/log`;
  }

  hear(event: Event): void {
    if (event.type !== 'log') return;
    // After a reconnection the newest lines are sent again.
    const fresh = event.entries.filter(({ number }) => number > this.#last);
    if (fresh.length === 0) return;
    if (this.#last === 0) this.more = (fresh[0]?.number ?? 1) > 1;
    this.#last = fresh.at(-1)?.number ?? this.#last;
    const all = [...this.entries, ...fresh];
    if (all.length > maxShown) this.more = true;
    this.entries = all.slice(-maxShown);
  }

  async poll(): Promise<void> {
    if (!live.connected) this.entries = (await get<Entry[]>(this.#path)).slice(-maxShown);
  }

  async readAll(): Promise<void> {
    this.entries = await get<Entry[]>(this.#path);
    this.more = false;
  }
}
