// The bitmaps of characters for the machine's own screen, out of the file that the build makes (initramfs/stages/console-font.ts has its layout).
import { readFileSync } from 'node:fs';

export const glyphRows = 16;
const magic = 'DGLY';
const headerBytes = 8;
const wideBytes = 2 * glyphRows;

/** What fills one cell of the screen: 8 points a byte, from the top. */
export type Cell = Uint8Array;

export class Glyphs {
  readonly #narrow: Section;
  readonly #wide: Section;

  private constructor(narrow: Section, wide: Section) {
    this.#narrow = narrow;
    this.#wide = wide;
  }

  /** Null when there is no such file, or it is another one. */
  static open(path: string): Glyphs | null {
    try {
      return Glyphs.read(readFileSync(path));
    } catch {
      return null;
    }
  }

  /** Null when the bytes are no such file, or not all of it. */
  static read(file: Buffer): Glyphs | null {
    if (file.length < headerBytes || file.toString('latin1', 0, 4) !== magic) return null;
    const [narrow, wide] = [file.readUInt16LE(4), file.readUInt16LE(6)];
    const bitmaps = headerBytes + 2 * (narrow + wide);
    const end = bitmaps + glyphRows * narrow + wideBytes * wide;
    if (file.length !== end) return null;
    const codes = (from: number, count: number): Map<number, number> => {
      const found = new Map<number, number>();
      let code = 0;
      for (let i = 0; i < count; i++) {
        code += file.readUInt16LE(from + 2 * i);
        found.set(code, i);
      }
      return found;
    };
    const split = bitmaps + glyphRows * narrow;
    return new Glyphs(
      { codes: codes(headerBytes, narrow), bitmaps: file.subarray(bitmaps, split) },
      { codes: codes(headerBytes + 2 * narrow, wide), bitmaps: file.subarray(split, end) },
    );
  }

  /** The one or two cells of a character; null of one that is not in the file. */
  find(character: string): readonly Cell[] | null {
    const code = character.codePointAt(0) ?? 0;
    const narrow = this.#narrow.codes.get(code);
    if (narrow !== undefined) return [this.#narrow.bitmaps.subarray(glyphRows * narrow, glyphRows * (narrow + 1))];
    const wide = this.#wide.codes.get(code);
    return wide === undefined ? null : turn(this.#wide.bitmaps.subarray(wideBytes * wide, wideBytes * (wide + 1)));
  }
}

type Section = { readonly codes: ReadonlyMap<number, number>; readonly bitmaps: Buffer };

/** Sixteen columns, from the left, of 16 points from the top, into a left and a right cell. */
function turn(columns: Buffer): Cell[] {
  const cells = [new Uint8Array(glyphRows), new Uint8Array(glyphRows)] as const;
  for (let x = 0; x < 16; x++) {
    const column = columns.readUInt16BE(2 * x);
    const cell = cells[x < 8 ? 0 : 1];
    for (let y = 0; y < glyphRows; y++) cell[y] = (cell[y] ?? 0) | (((column >> (15 - y)) & 1) << (7 - (x % 8)));
  }
  return [...cells];
}
