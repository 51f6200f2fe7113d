// What is lost of a disk with bad sectors, as the manifest keeps it and as a person reads it.
import { throwIfCancelled } from '../cancelled.ts';
import { closeGaps } from '../chunk/slots.ts';
import type { DiskMap } from '../disk-map.ts';
import { type Extent, totalBytes } from '../extent.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { RunOptions } from '../progress.ts';
import { findLostFiles } from './lost-files.ts';

export type Loss = Required<Pick<Manifest, 'lost'>> & Pick<Manifest, 'lostFiles'>;

const maxExtents = 100_000;

/** The loss for the manifest, with the files that lie in it where that can be told; a warning sums it up. */
export async function describeLoss(
  sourcePath: string,
  map: DiskMap,
  lost: readonly Extent[],
  { onWarning, signal }: RunOptions,
): Promise<Loss> {
  onWarning?.(`${totalBytes(lost)} bytes in ${lost.length} places could not be read and are lost`);
  const lostFiles = await findLostFiles(sourcePath, map, lost, signal).catch((thrown: unknown) => {
    throwIfCancelled(signal);
    onWarning?.(`which files are touched is not known: ${thrown instanceof Error ? thrown.message : thrown}`);
    return [];
  });
  for (const { partition, path } of lostFiles.slice(0, 100)) {
    if (partition === 0) onWarning?.(`damaged: ${path}`);
    else onWarning?.(`damaged on partition ${partition}: ${path}`);
  }
  const kept = fewer(lost).map(({ startBytes, lengthBytes }) => ({ startBytes, lengthBytes }));
  return { lost: kept, ...(lostFiles.length === 0 ? {} : { lostFiles: lostFiles.slice(0, 10_000) }) };
}

/** A manifest has its limits: where there are too many places, near ones are told as one. */
function fewer(lost: readonly Extent[]): Extent[] {
  let joined = [...lost];
  for (let gapBytes = 4096; joined.length > maxExtents; gapBytes *= 2) joined = closeGaps(joined, gapBytes);
  return joined;
}

/** A sentence on what an image has lost; null for one that is whole. */
export function describeLost({ name, lost = [], lostFiles = [] }: Manifest): string | null {
  if (lost.length === 0) return null;
  const files = lostFiles.length === 0 ? '' : `; ${lostFiles.length} files are known to be damaged`;
  return `'${name}' is not whole: ${totalBytes(lost)} bytes in ${lost.length} places could not be read from its disk and are zeros${files}`;
}
