// Chooses the reader that vouches for a partition's used bytes; the registry of file-system readers.
import type { ByteReader } from '../blockdev/byte-reader.ts';
import type { Member } from '../blockdev/firmware-raid.ts';
import { findArray } from '../blockdev/member-signature.ts';
import { btrfsReader } from './btrfs.ts';
import { exfatReader } from './exfat.ts';
import { extReader } from './ext.ts';
import { f2fsReader } from './f2fs.ts';
import { fatReader } from './fat.ts';
import type { FileSystemMap, FileSystemReader } from './file-system-reader.ts';
import { createLvmReader } from './lvm.ts';
import { ntfsReader } from './ntfs.ts';
import { allOf, type RawMap, readRawMap } from './raw.ts';
import type { Siblings } from './siblings.ts';
import { findSignatures } from './signatures.ts';
import { swapReader } from './swap.ts';
import { xfsReader } from './xfs.ts';

/** Asked in this order; each knows its own signature. */
const plainReaders: readonly FileSystemReader[] = [
  extReader,
  swapReader,
  xfsReader,
  btrfsReader,
  f2fsReader,
  ntfsReader,
  exfatReader,
  fatReader,
];

/** A physical volume in a logical volume (a guest's disk, say) is not looked into, so that readers nest no deeper. */
const readers = [...plainReaders, createLvmReader((bytes, siblings) => readWith(plainReaders, bytes, siblings))];

/**
 * What `bytes` holds and which of it is used. A member of an array counts as used in full, whatever else it looks like;
 * and so does everything where more than one signature is found: nobody can tell which one is stale.
 * `siblings` are what else is on its disk. @throws DeployError source-read, source-vanished
 */
export async function readFileSystem(bytes: ByteReader, siblings?: Siblings): Promise<RawMap> {
  return await readWith(readers, bytes, siblings);
}

async function readWith(
  known: readonly FileSystemReader[],
  bytes: ByteReader,
  siblings: Siblings | undefined,
): Promise<RawMap> {
  const member = await findArray(bytes);
  if (member !== null) return mapMember(bytes, member);
  const maps: FileSystemMap[] = [];
  for (const reader of known) {
    const map = await reader.readMap(bytes, siblings);
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
  const { fileSystem, uuid, label, notes } = first;
  return { fileSystem, uuid, label, reader: 'raw', used: allOf(bytes), notes: [...notes, note] };
}

/** The file system that a mirror's member seems to hold is the array's. */
function mapMember(bytes: ByteReader, { fileSystem, array }: Member): RawMap {
  const notes = [`it is a member of ${array}: captured sector by sector`];
  return { fileSystem, uuid: null, label: null, reader: 'raw', used: allOf(bytes), notes };
}
