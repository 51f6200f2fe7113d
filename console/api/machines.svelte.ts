// All machines, kept up to date.
import type { Event } from '../../protocol/events.ts';
import type { Machine } from '../../protocol/rest.ts';
import { get } from './client.ts';
import { LiveList } from './live-list.svelte.ts';

/** An event has all but the inventory. One that came online may have another one, and a new machine has one. */
function apply(items: Map<string, Machine>, event: Event): string | undefined {
  if (event.type === 'machineGone') items.delete(event.id);
  if (event.type !== 'machine') return undefined;
  const { type: _, ...machine } = event;
  const before = items.get(event.id);
  items.set(event.id, { ...machine, inventory: before?.inventory ?? null });
  return before === undefined || (event.online && !before.online) ? event.id : undefined;
}

const pageLength = 500;

/** Page by page: the server is never busy with one answer for long. */
async function readAll(): Promise<Machine[]> {
  const all: Machine[] = [];
  for (;;) {
    const after = all.length === 0 ? '' : `&after=${encodeURIComponent(all.at(-1)?.name ?? '')}`;
    const page = await get<Machine[]>(`/v1/machines?limit=${pageLength}${after}`);
    all.push(...page);
    if (page.length < pageLength) return all;
  }
}

export const machines = new LiveList<Machine>({
  wants: { machines: true },
  readAll,
  readOne: (id) => get<Machine>(`/v1/machines/${encodeURIComponent(id)}`),
  apply,
});
