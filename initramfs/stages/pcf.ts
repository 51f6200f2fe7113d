// A bitmap font as X has it, character by character. https://fontforge.org/docs/techref/pcf-format.html
import { DeployError } from '../../protocol/errors.ts';

const tables = { metrics: 4, bitmaps: 8, encodings: 32 } as const;
const bigEndian = 4;
const mostSignificantFirst = 8;
const compressedMetrics = 0x100;
const noGlyph = 0xffff;

type Table = {
  readonly format: number;
  u8(at: number): number;
  i16(at: number): number;
  u16(at: number): number;
  u32(at: number): number;
};

/**
 * Code → rows from the top, each of whole bytes, the leftmost point in the highest bit.
 * @throws build-failed on a font that is not read here: without most significant bit first
 */
export function readPcf(file: Buffer): Map<number, Buffer> {
  if (file.readUInt32BE(0) !== 0x01666370) throw new DeployError('build-failed', 'a font is no PCF file');
  const heights = readMetrics(openTable(file, tables.metrics));
  const bitmaps = openTable(file, tables.bitmaps);
  if ((bitmaps.format & mostSignificantFirst) === 0) {
    throw new DeployError('build-failed', 'a PCF font has its bits in an order that is not read here');
  }
  const padding = 1 << (bitmaps.format & 3);
  const count = bitmaps.u32(0);
  const data = 4 + 4 * count + 16;
  const characters = new Map<number, Buffer>();
  for (const [code, index] of readEncodings(openTable(file, tables.encodings))) {
    const size = heights[index];
    if (size === undefined || index >= count) throw new DeployError('build-failed', 'a PCF font has no such glyph');
    const rowBytes = Math.ceil(size.width / 8);
    const stride = Math.ceil(rowBytes / padding) * padding;
    const start = data + bitmaps.u32(4 + 4 * index);
    const bitmap = Buffer.alloc(rowBytes * size.height);
    for (let i = 0; i < bitmap.length; i++) {
      bitmap[i] = bitmaps.u8(start + Math.floor(i / rowBytes) * stride + (i % rowBytes));
    }
    characters.set(code, bitmap);
  }
  return characters;
}

function openTable(file: Buffer, type: number): Table {
  const count = file.readUInt32LE(4);
  for (let i = 0; i < count; i++) {
    const entry = 8 + 16 * i;
    if (file.readUInt32LE(entry) !== type) continue;
    const offset = file.readUInt32LE(entry + 12);
    const format = file.readUInt32LE(offset);
    const from = offset + 4;
    return (format & bigEndian) === 0
      ? {
          format,
          u8: (at) => file.readUInt8(from + at),
          i16: (at) => file.readInt16LE(from + at),
          u16: (at) => file.readUInt16LE(from + at),
          u32: (at) => file.readUInt32LE(from + at),
        }
      : {
          format,
          u8: (at) => file.readUInt8(from + at),
          i16: (at) => file.readInt16BE(from + at),
          u16: (at) => file.readUInt16BE(from + at),
          u32: (at) => file.readUInt32BE(from + at),
        };
  }
  throw new DeployError('build-failed', `a PCF font lacks its table ${type}`);
}

type Size = { readonly width: number; readonly height: number };

/** Left and right bearing, width, ascent, descent; a byte each (less 128) or two. */
function readMetrics(table: Table): Size[] {
  if ((table.format & compressedMetrics) !== 0) {
    return Array.from({ length: table.u16(0) }, (_, i) => {
      const byte = (n: number): number => table.u8(2 + 5 * i + n) - 128;
      return { width: byte(1) - byte(0), height: byte(3) + byte(4) };
    });
  }
  return Array.from({ length: table.u32(0) }, (_, i) => {
    const word = (n: number): number => table.i16(4 + 12 * i + 2 * n);
    return { width: word(1) - word(0), height: word(3) + word(4) };
  });
}

/** Code and number of each glyph. */
function readEncodings(table: Table): [number, number][] {
  const [firstLow, lastLow, firstHigh, lastHigh] = [table.u16(0), table.u16(2), table.u16(4), table.u16(6)];
  const found: [number, number][] = [];
  let at = 10;
  for (let high = firstHigh; high <= lastHigh; high++) {
    for (let low = firstLow; low <= lastLow; low++, at += 2) {
      const glyph = table.u16(at);
      if (glyph !== noGlyph) found.push([(high << 8) | low, glyph]);
    }
  }
  return found;
}
