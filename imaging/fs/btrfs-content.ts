// What one item says of a file's content in Btrfs: the bytes themselves, or where they are, compressed or not.
// Layout: Linux include/uapi/linux/btrfs_tree.h (struct btrfs_file_extent_item); bounds: fs/btrfs/compression.h, zstd.c.
import { constants, inflateSync, zstdDecompressSync } from 'node:zlib';
import { zstdFrameLength } from '../foreign/zstd-frame.ts';
import type { BtrfsItem } from './btrfs-items.ts';
import type { BtrfsVolume } from './btrfs-tree.ts';
import { corrupt } from './distrust.ts';

const kinds = { inline: 0, regular: 1, reserved: 2 } as const;
const compressions = { none: 0, zlib: 1, lzo: 2, zstd: 3 } as const;
const [headBytes, itemBytes] = [21, 53];
/** Of what is compressed in one piece, before and after (BTRFS_MAX_COMPRESSED, BTRFS_MAX_UNCOMPRESSED). */
const maxPieceBytes = 128 * 1024;
/** ZSTD_BTRFS_MAX_WINDOWLOG: more memory no frame of Btrfs may ask for. */
const zstdWindowLog = 17;

/**
 * The first bytes, `maxBytes` at most, of the content from the item's offset in the file on, or null for zeros.
 * @throws file-system-corrupt, also where it is compressed by LZO or encrypted; source-read, source-vanished
 */
export async function readContent(
  volume: BtrfsVolume,
  { offset, data }: BtrfsItem,
  maxBytes: number,
): Promise<Buffer | null> {
  if (data.length < headBytes) throw damaged();
  const [unpackedBytes, compression, kind] = [readNumber(data, 8), data.readUInt8(16), data.readUInt8(20)];
  if (data.readUInt8(17) !== 0 || data.readUInt16LE(18) !== 0)
    throw corrupt('a file is encrypted or encoded in a way that is not known here');
  if (kind === kinds.inline) {
    if (offset !== 0) throw damaged();
    const inline = data.subarray(headBytes);
    return compression === compressions.none ? inline : unpack(compression, inline, unpackedBytes);
  }
  const isSane = data.length === itemBytes && offset % volume.superblock.sectorBytes === 0;
  if (!isSane || (kind !== kinds.regular && kind !== kinds.reserved)) throw damaged();
  const address = readNumber(data, 21);
  if (kind === kinds.reserved || address === 0) return null;
  const packedBytes = readNumber(data, 29);
  const [from, lengthBytes] = [readNumber(data, 37), Math.min(readNumber(data, 45), maxBytes)];
  const isPacked = compression !== compressions.none;
  if (lengthBytes === 0 || from + lengthBytes > (isPacked ? unpackedBytes : packedBytes)) throw damaged();
  if (!isPacked) return await readAddress(volume, address + from, lengthBytes);
  if (packedBytes === 0 || packedBytes > maxPieceBytes) throw damaged();
  const packed = await readAddress(volume, address, packedBytes);
  return unpack(compression, packed, unpackedBytes).subarray(from, from + lengthBytes);
}

async function readAddress({ bytes, chunks }: BtrfsVolume, address: number, lengthBytes: number): Promise<Buffer> {
  const { startBytes, copiesAtBytes } = chunks.find(address, lengthBytes);
  return await bytes.read((copiesAtBytes[0] ?? 0) + address - startBytes, lengthBytes);
}

/** What is behind the end of `packed` is there to fill up a sector. */
function unpack(compression: number, packed: Buffer, unpackedBytes: number): Buffer {
  if (compression === compressions.lzo) throw corrupt('a file is compressed by LZO, which this reader does not read');
  if (compression !== compressions.zlib && compression !== compressions.zstd)
    throw corrupt(`a file is compressed by method ${compression}, which is not known here`);
  if (unpackedBytes === 0 || unpackedBytes > maxPieceBytes) throw damaged();
  const bound = { maxOutputLength: unpackedBytes, chunkSize: unpackedBytes + 64 };
  const params = { [constants.ZSTD_d_windowLogMax]: zstdWindowLog };
  try {
    return compression === compressions.zlib
      ? inflateSync(packed, bound)
      : zstdDecompressSync(packed.subarray(0, zstdFrameLength(packed)), { ...bound, params });
  } catch (cause) {
    throw corrupt(`a file does not unpack (${cause instanceof Error ? cause.message : String(cause)})`);
  }
}

/** Above 2^53 not exact, and then far outside everything. */
function readNumber(data: Buffer, at: number): number {
  return Number(data.readBigUInt64LE(at));
}

const damaged = () => corrupt('where the content of a file is, is damaged');
