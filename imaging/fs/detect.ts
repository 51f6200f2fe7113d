// Chooses the reader that vouches for a partition's used bytes; the registry of file-system readers.
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { btrfsReader } from './btrfs.ts';
import { exfatReader } from './exfat.ts';
import { extReader } from './ext.ts';
import { f2fsReader } from './f2fs.ts';
import { fatReader } from './fat.ts';
import type { FileSystemMap, FileSystemReader } from './file-system-reader.ts';
import { ntfsReader } from './ntfs.ts';
import { allOf, type RawMap, readRawMap } from './raw.ts';
import { findSignatures } from './signatures.ts';
import { swapReader } from './swap.ts';
import { xfsReader } from './xfs.ts';

/** Asked in this order; each knows its own signature. */
const readers: readonly FileSystemReader[] = [
  extReader,
  swapReader,
  xfsReader,
  btrfsReader,
  f2fsReader,
  ntfsReader,
  exfatReader,
  fatReader,
];

/**
 * What `bytes` holds and which of it is used. Where more than one signature is found, nobody can tell
 * which one is stale, so every byte counts as used.
 * @throws DeployError source-read, source-vanished
 */
export async function readFileSystem(bytes: ByteReader): Promise<RawMap> {
  const maps: FileSystemMap[] = [];
  for (const reader of readers) {
    const map = await reader.readMap(bytes);
    if (map !== null) maps.push(map);
  }
  const [first] = maps;
  if (first === undefined) return await readRawMap(bytes);
  const names = [...maps, ...(await findSignatures(bytes))].map((found) =>
    'name' in found ? found.name : found.fileSystem,
  );
  const others = names.filter((name) => name !== first.fileSystem);
  if (others.length === 0) return first;
  const note = `signatures of ${[first.fileSystem, ...new Set(others)].join(' and ')} are both there: captured sector by sector`;
  return { ...first, reader: 'raw', used: allOf(bytes), notes: [...first.notes, note] };
}
