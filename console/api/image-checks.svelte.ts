// Checks of images, kept up to date while they wait and run.
import type { Event } from '../../protocol/events.ts';
import type { ImageCheck } from '../../protocol/image-check.ts';
import { get } from './client.ts';
import { LiveList } from './live-list.svelte.ts';

/** An event has not what was found: that is read when the check has ended. */
function apply(items: Map<string, ImageCheck>, event: Event): string | undefined {
  if (event.type === 'imageCheckGone') items.delete(event.id);
  if (event.type !== 'imageCheck') return undefined;
  const { type: _, ...check } = event;
  items.set(event.id, { ...check, found: items.get(event.id)?.found ?? null });
  return event.endedAt === null ? undefined : event.id;
}

/** The newest of one image, or of all. */
export function imageChecksOf(image?: string): LiveList<ImageCheck> {
  const query = image === undefined ? '' : `?image=${encodeURIComponent(image)}`;
  return new LiveList<ImageCheck>({
    wants: { imageChecks: true },
    readAll: () => get<ImageCheck[]>(`/v1/image-checks${query}`),
    readOne: (id) => get<ImageCheck>(`/v1/image-checks/${encodeURIComponent(id)}`),
    apply: (items, event) =>
      event.type === 'imageCheck' && image !== undefined && event.image !== image ? undefined : apply(items, event),
  });
}
