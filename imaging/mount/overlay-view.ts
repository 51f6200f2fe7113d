// An image as disk files that programs may write: what they write is in an overlay and goes with it. The ground that prove and shrink work on.
import path from 'node:path';
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { diskFileName, partitionFileName, viewEntries } from '../image-view.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { type Overlay, openOverlay } from '../overlay.ts';
import { clearDeadMounts } from './dead-mounts.ts';
import { withTree } from './tree-view.ts';

export type OverlayView = {
  readonly overlay: Overlay;
  /** The whole disk. Beside a partition's file it shows what the other wrote only once that one is closed and was never read. */
  readonly diskFile: string;
  /** The file of a partition; of partition 0, the disk. */
  partitionFile(number: number): string;
};

/** Gives `work` the view, and takes everything away afterwards. @throws mount-failed, tool-missing, store-io, and what `work` throws */
export async function withOverlayView<Result>(
  below: ByteReader,
  partitions: Manifest['partitions'],
  onError: (error: Error) => void,
  work: (view: OverlayView) => Promise<Result>,
): Promise<Result> {
  await clearDeadMounts();
  const overlay = await openOverlay(below);
  try {
    return await withTree(viewEntries(overlay, partitions), onError, async (folder) => {
      const fileOf = (name: string) => path.join(folder, name);
      return await work({
        overlay,
        diskFile: fileOf(diskFileName),
        partitionFile: (number) => fileOf(number === 0 ? diskFileName : partitionFileName(number)),
      });
    });
  } finally {
    await overlay.close();
  }
}
