// Files of an unmounted NTFS, read through the MFT that its used-block reader knows: no driver, no device, and nothing is ever written.
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { corrupt } from '../fs/distrust.ts';
import { readNtfsGeometry } from '../fs/ntfs-boot.ts';
import { findInDirectory, rootDirectory } from '../fs/ntfs-directory.ts';
import { Mft } from '../fs/ntfs-mft.ts';
import { attributeTypes } from '../fs/ntfs-record.ts';

/** Compressed, or encrypted. */
const unreadableFlags = 0x40ff;

/** The file system in `bytes`, whatever state it is in. @throws file-system-corrupt */
export async function openNtfs(bytes: ByteReader): Promise<Mft> {
  return await Mft.open(bytes, readNtfsGeometry(await bytes.read(0, 512), bytes.sizeBytes));
}

/** The file number of what `path` names, or null. Names are ASCII; case does not count. @throws file-system-corrupt */
export async function findNtfsFile(mft: Mft, path: readonly string[]): Promise<number | null> {
  let number = rootDirectory;
  for (const name of path) {
    const found = await findInDirectory(mft, number, name);
    if (found === null) return null;
    number = found.number;
  }
  return number;
}

/** The content of a file. @throws file-system-corrupt, also where it is compressed or encrypted */
export async function openNtfsFile(mft: Mft, number: number): Promise<Pick<ByteReader, 'sizeBytes' | 'read'>> {
  const stream = await mft.openStream(number, attributeTypes.data, '');
  if (stream.flags & unreadableFlags) throw corrupt('a file is compressed or encrypted');
  // What was never written reads as zeros, not as what the clusters happen to hold.
  const sizeBytes = Math.min(stream.dataBytes, stream.initializedBytes);
  return {
    sizeBytes,
    read: async (offsetBytes, lengthBytes) => {
      if (offsetBytes + lengthBytes > sizeBytes) throw corrupt('a file is cut short');
      return await mft.read(stream, offsetBytes, lengthBytes);
    },
  };
}
