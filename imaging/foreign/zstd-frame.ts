// Where a zstd frame ends: a qcow2 file and a Btrfs say it only to the next sector, and the decompressor wants no byte too many.
// RFC 8878 section 3.1.1.

const magic = 0xfd2fb528;

/** The length of the frame at the beginning of `bytes`. @throws RangeError when it is none or goes on behind their end */
export function zstdFrameLength(bytes: Buffer): number {
  if (bytes.readUInt32LE(0) !== magic) throw new RangeError('it is no zstd frame');
  const descriptor = bytes.readUInt8(4);
  const singleSegment = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const contentSizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  let at = 5 + (singleSegment ? 0 : 1) + dictionaryBytes + contentSizeBytes;
  for (let last = false; !last; ) {
    const header = bytes.readUIntLE(at, 3);
    last = (header & 1) !== 0;
    // A run of one byte is stored as that byte.
    at += 3 + (((header >> 1) & 3) === 1 ? 1 : header >> 3);
  }
  const end = at + ((descriptor & 4) !== 0 ? 4 : 0);
  if (end > bytes.length) throw new RangeError('its zstd frame is cut short');
  return end;
}
