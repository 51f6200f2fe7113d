// Deletes old images by a policy, disk by disk. Their chunks stay until garbage collection.
import { DeployError } from '../../protocol/errors.ts';
import { throwIfCancelled } from '../cancelled.ts';
import { isEscrowName } from '../manifest/image-name.ts';
import { loadManifest } from '../manifest/load-image.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { ChunkStore } from './chunk-store.ts';
import { judge, type RetentionPolicy } from './retention.ts';

export type PruneOptions = {
  readonly policy: RetentionPolicy;
  /** Images of one disk are judged together, or all of them. */
  readonly groupBy: 'disk' | 'none';
  /** Only images whose whole name fits: `*` stands for anything, `?` for one character. Others are left alone. */
  readonly match?: string;
  /** Only images of these names. */
  readonly only?: ReadonlySet<string>;
  readonly signal?: AbortSignal;
};

export type PlannedImage = { readonly id: string; readonly name: string; readonly createdAt: string };

export type PruneGroup = {
  /** What the images have in common: `serial S3X1 (MODEL)`, `disk id …`, or the source's label. */
  readonly group: string;
  readonly keep: readonly (PlannedImage & { readonly reasons: readonly string[] })[];
  readonly remove: readonly PlannedImage[];
};

export type PrunePlan = {
  readonly groups: readonly PruneGroup[];
  /** Images whose manifest cannot be read from here: kept, and judged with no others. */
  readonly unreadable: readonly { readonly name: string; readonly reason: string }[];
};

/** What the policy keeps and deletes; deletes nothing. Of every group at least the newest is kept. @throws usage */
export async function planPrune(store: ChunkStore, options: PruneOptions): Promise<PrunePlan> {
  const { policy, groupBy, match, only, signal } = options;
  const pattern = match === undefined ? /^/ : globPattern(match);
  const groups = new Map<string, PlannedImage[]>();
  const unreadable: { name: string; reason: string }[] = [];
  for (const { name } of await store.listManifests(signal)) {
    throwIfCancelled(signal);
    // What restores saved of their targets is no image of a disk: it must not push one out, and is limited by itself.
    if (!pattern.test(name) || isEscrowName(name) || only?.has(name) === false) continue;
    const manifest = await readManifest(store, name, signal);
    if (manifest instanceof DeployError) unreadable.push({ name, reason: manifest.message });
    else if (manifest !== null) addTo(groups, groupBy === 'none' ? 'all images' : diskOf(manifest), manifest);
  }
  return { groups: [...groups].map(([group, images]) => planGroup(group, images, policy)), unreadable };
}

/** Deletes what the plan says, unless an image of the same name has been put in its place since. */
export async function prune(store: ChunkStore, plan: PrunePlan, signal?: AbortSignal): Promise<void> {
  for (const { id, name } of plan.groups.flatMap(({ remove }) => remove)) {
    throwIfCancelled(signal);
    const manifest = await readManifest(store, name, signal);
    if (manifest === null || manifest instanceof DeployError || manifest.id !== id) continue;
    await store.deleteManifest(name, signal);
  }
}

/** Null when it was deleted meanwhile; the error when it cannot be read. */
async function readManifest(
  store: ChunkStore,
  name: string,
  signal: AbortSignal | undefined,
): Promise<Manifest | DeployError | null> {
  try {
    return await loadManifest(store, name, signal);
  } catch (thrown) {
    if (!(thrown instanceof DeployError) || thrown.code === 'cancelled' || thrown.code === 'store-io') throw thrown;
    return thrown.code === 'image-not-found' ? null : thrown;
  }
}

function addTo(groups: Map<string, PlannedImage[]>, group: string, { id, name, createdAt }: Manifest): void {
  const images = groups.get(group) ?? [];
  images.push({ id, name, createdAt });
  groups.set(group, images);
}

function diskOf({ source: { label, model, serial }, geometry: { diskId } }: Manifest): string {
  if (serial !== null) return `serial ${serial}${model === null ? '' : ` (${model})`}`;
  return diskId === null ? label : `disk id ${diskId}`;
}

function planGroup(group: string, images: readonly PlannedImage[], policy: RetentionPolicy): PruneGroup {
  const judged = judge(images, policy);
  return {
    group,
    keep: judged.filter(({ reasons }) => reasons.length > 0).map(({ image, reasons }) => ({ ...image, reasons })),
    remove: judged.filter(({ reasons }) => reasons.length === 0).map(({ image }) => image),
  };
}

function globPattern(glob: string): RegExp {
  const source = glob
    .normalize('NFC')
    .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 'su');
}
