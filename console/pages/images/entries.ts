// Images as a list: found and sorted.
import type { ImageHealth } from '../../../protocol/image-check.ts';
import type { Order } from '../../components/virtual-table.ts';
import { rankOf } from '../image/image-state.ts';

export type ImageEntry = {
  readonly id: string;
  readonly name: string;
  readonly sizeBytes: number;
  readonly createdAt: string;
  readonly keyId?: string;
  readonly parentId?: string;
  readonly health: ImageHealth;
};

/** Of `POST /v1/store/full-stats`. */
export type FullStats = {
  readonly storedBytes: number;
  readonly logicalBytes: number;
  readonly dedupRatio: number | null;
  readonly sharedBytes: number;
  readonly unreferencedBytes: number;
  readonly perImage: readonly { readonly name: string; readonly uniqueBytes: number }[];
  readonly damaged: readonly string[];
};

/** What restores save of their targets are images, too, which `image undo` looks for; people do not. */
const undoPrefix = 'undo/';

export function listImages(images: readonly ImageEntry[], search: string, { key, descending }: Order): ImageEntry[] {
  const words = search.toLowerCase().split(/\s+/);
  const found = images.filter(
    ({ name }) => !name.startsWith(undoPrefix) && words.every((word) => name.toLowerCase().includes(word)),
  );
  const compare = (a: ImageEntry, b: ImageEntry): number => {
    if (key === 'size') return a.sizeBytes - b.sizeBytes;
    if (key === 'state') return rankOf(a) - rankOf(b);
    return key === 'created'
      ? a.createdAt.localeCompare(b.createdAt)
      : a.name.localeCompare(b.name, undefined, { numeric: true });
  };
  return found.sort((a, b) => (descending ? -1 : 1) * compare(a, b));
}

/** What was captured before and after: by id, since a name may be another image's by now. Children are in order of time, the newest first. */
export function lineageOf(
  images: readonly ImageEntry[],
  id: string,
): { readonly parent: ImageEntry | null; readonly children: readonly ImageEntry[] } {
  const parentId = images.find((image) => image.id === id)?.parentId;
  return {
    parent: (parentId !== undefined && images.find((image) => image.id === parentId)) || null,
    children: images
      .filter((image) => image.parentId === id)
      .sort((a, b) => b.createdAt.localeCompare(a.createdAt) || a.name.localeCompare(b.name)),
  };
}
