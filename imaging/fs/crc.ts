// The two checksums of ext4's metadata: CRC-32C (Castagnoli) and CRC-16 (ANSI), both reflected and without a final inversion.
// Parameters: Linux Documentation/filesystems/ext4/checksums.rst; table-driven by the byte, and for CRC-32C by eight ("slicing-by-8").

function makeTable(polynomial: number): Uint32Array {
  const table = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1;
    table[byte] = value;
  }
  return table;
}

/** Table k holds the checksum of a byte followed by k zero bytes. */
function makeSlices(): Uint32Array {
  const first = makeTable(0x82f63b78);
  const slices = new Uint32Array(8 * 256);
  slices.set(first);
  for (let i = 256; i < slices.length; i++) {
    const before = slices[i - 256] as number;
    slices[i] = (before >>> 8) ^ (first[before & 0xff] as number);
  }
  return slices;
}

const slices = makeSlices();
const crc16Table = makeTable(0xa001);

/** CRC-32C of `bytes`, going on from `seed`. */
export function crc32c(seed: number, bytes: Buffer): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const whole = bytes.length & ~7;
  let crc = seed;
  for (let i = 0; i < whole; i += 8) {
    const low = crc ^ view.getUint32(i, true);
    const high = view.getUint32(i + 4, true);
    crc =
      (slices[0x700 | (low & 0xff)] as number) ^
      (slices[0x600 | ((low >>> 8) & 0xff)] as number) ^
      (slices[0x500 | ((low >>> 16) & 0xff)] as number) ^
      (slices[0x400 | (low >>> 24)] as number) ^
      (slices[0x300 | (high & 0xff)] as number) ^
      (slices[0x200 | ((high >>> 8) & 0xff)] as number) ^
      (slices[0x100 | ((high >>> 16) & 0xff)] as number) ^
      (slices[high >>> 24] as number);
  }
  for (let i = whole; i < bytes.length; i++)
    crc = (crc >>> 8) ^ (slices[(crc ^ (bytes[i] as number)) & 0xff] as number);
  return crc >>> 0;
}

/** CRC-16 of `bytes`, going on from `seed`. */
export function crc16(seed: number, bytes: Buffer): number {
  let crc = seed;
  for (const byte of bytes) crc = (crc >>> 8) ^ (crc16Table[(crc ^ byte) & 0xff] as number);
  return crc;
}
