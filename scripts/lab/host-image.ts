// What the engine says of a disk image or a store on the host, by the public command line.
import path from 'node:path';
import { type Extent, totalBytes } from '../../imaging/extent.ts';
import { runCommand } from './run-command.ts';

const deployOs = path.join(import.meta.dirname, '../../cli/deploy-os');

export type UsedMap = { readonly sizeBytes: number; readonly used: readonly Extent[] };

/** `deploy-os image map` of a raw disk image. @throws Error when its extents do not add up to what it says is used. */
export async function mapDiskImage(file: string): Promise<UsedMap> {
  const printed = await runCommand(deployOs, ['image', 'map', file, '--json']);
  const map: { sizeBytes: number; usedBytes: number; used: [number, number][] } = JSON.parse(printed);
  const used = map.used.map(([startBytes, lengthBytes]) => ({ startBytes, lengthBytes }));
  if (totalBytes(used) !== map.usedBytes)
    throw new Error(`deploy-os image map ${file}: the extents are not understood`);
  return { sizeBytes: map.sizeBytes, used };
}

export async function readStoredBytes(storeDir: string): Promise<number> {
  const stats: { storedBytes: number } = JSON.parse(
    await runCommand(deployOs, ['store', 'stats', '--store', storeDir, '--json']),
  );
  return stats.storedBytes;
}
