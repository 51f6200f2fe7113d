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

export const machines = new LiveList<Machine>({
  wants: { machines: true },
  readAll: () => get<Machine[]>('/v1/machines'),
  readOne: (id) => get<Machine>(`/v1/machines/${encodeURIComponent(id)}`),
  apply,
});
