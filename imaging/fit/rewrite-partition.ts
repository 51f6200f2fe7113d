// Puts one partition back as the image has it, on a disk that was restored from it: what is left to do when growing its file system fails.
import type { Target } from '../blockdev/target.ts';
import { flushTarget } from '../blockdev/target.ts';
import { SlotRestorer } from '../chunk/restore-slots.ts';
import type { Place } from '../partition/table-change.ts';
import type { RunOptions } from '../progress.ts';
import { composeImage, type StoredImage } from './compose-image.ts';

/** Writes what `image` uses of `place` and reads it back. @throws chunk-…, target-write, read-back-mismatch, store errors */
export async function rewritePartition(
  image: StoredImage,
  { startBytes, sizeBytes }: Place,
  target: Target & { readonly baseBytes?: number },
  options: RunOptions & { readonly direct: boolean; readonly workers?: number },
): Promise<void> {
  const pieces = [{ image, fromBytes: startBytes, toBytes: startBytes, lengthBytes: sizeBytes }];
  const { sizeBytes: diskBytes, sectorSizeBytes } = image.manifest.geometry;
  const { manifest, store } = await composeImage(image, {
    sizeBytes: diskBytes,
    sectorSizeBytes,
    pieces,
    patches: [],
    describe: {},
  });
  const restorer = new SlotRestorer({
    ...options,
    manifest,
    store,
    target,
    heldBack: [],
    gapBytes: 0,
  });
  try {
    await restorer.writeAll({ compare: true, zerosKnown: false });
    await flushTarget(target);
    await restorer.readBackAll();
  } finally {
    await restorer.close();
  }
}
