// The font of the machine's own screen. The Linux console has at most 512 characters, none of them wide: so the font is made of those that are
// shown just now, a wide one as two halves, and the text names them by their place in it (U+F000 and on, Documentation/admin-guide/unicode.rst).
import { type Glyphs, glyphRows } from './glyphs.ts';
import { columnsOf } from './width.ts';

const places = 512;
const directToFont = 0xf000;
/** Where the kernel's own table (drivers/tty/vt/cp437.uni) has the sign for what it cannot show. */
const replacement = 254;
/** Of PSF version 1: its magic, 512 characters, so many bytes each. https://www.win.tue.nl/~aeb/linux/kbd/font-formats-1.html */
const header = Uint8Array.of(0x36, 0x04, 0x01, glyphRows);

const ascii = /[\x20-\x7e]+/g;
const allAscii = /^[\x20-\x7e]*$/;
const isAscii = (code: number): boolean => code >= 0x20 && code < 0x7f;

export type FittedPage = {
  /** For the console, character by character. */
  readonly lines: readonly string[];
  /** Whether the font has changed: it is to be loaded before the lines are written. */
  readonly changed: boolean;
};

export class ConsoleFont {
  readonly #glyphs: Glyphs;
  readonly #bitmaps = new Uint8Array(places * glyphRows);
  /** The places of what is in the font beyond ASCII. What stays on the screen keeps its place. */
  readonly #taken = new Map<string, readonly number[]>();
  /** Taken from the end: those that no program of ours uses for anything else come first. */
  #free: number[] = Array.from({ length: places }, (_, place) => place).filter(
    (place) => !isAscii(place) && place !== replacement,
  );

  constructor(glyphs: Glyphs) {
    this.#glyphs = glyphs;
    for (let place = 0; place < 0x7f; place++) if (isAscii(place)) this.#draw(place, String.fromCharCode(place));
    this.#draw(replacement, '?');
  }

  /** Whether anything but ASCII is in it: without, the console's own font does as well. */
  get isUsed(): boolean {
    return this.#taken.size > 0;
  }

  /** What a program that loads fonts takes (PSF, version 1). */
  toPsf(): Buffer {
    return Buffer.concat([header, this.#bitmaps]);
  }

  /** Takes in what the page shows; a character that has no bitmap, or no place any more, is a question mark. */
  fit(lines: readonly string[]): FittedPage {
    const composed = lines.map((line) => line.normalize('NFC'));
    const shown = new Set(composed.join('').replaceAll(ascii, ''));
    const added = [...shown].filter((character) => !this.#taken.has(character) && this.#add(character, shown));
    return { lines: composed.map((line) => this.#toPlaces(line)), changed: added.length > 0 };
  }

  /** False when it could not. */
  #add(character: string, shown: ReadonlySet<string>): boolean {
    const cells = this.#glyphs.find(character);
    if (cells === null || cells.length !== columnsOf(character)) return false;
    if (this.#free.length < cells.length) this.#forgetAllBut(shown);
    if (this.#free.length < cells.length) return false;
    const taken = cells.map((cell) => {
      const place = this.#free.pop() ?? 0;
      this.#bitmaps.set(cell, place * glyphRows);
      return place;
    });
    this.#taken.set(character, taken);
    return true;
  }

  #forgetAllBut(shown: ReadonlySet<string>): void {
    for (const [character, taken] of this.#taken) {
      if (shown.has(character)) continue;
      this.#taken.delete(character);
      this.#free.push(...taken);
    }
  }

  #draw(place: number, character: string): void {
    this.#bitmaps.set(this.#glyphs.find(character)?.[0] ?? [], place * glyphRows);
  }

  #toPlaces(line: string): string {
    if (allAscii.test(line)) return line;
    return [...line].map((character) => this.#toPlace(character)).join('');
  }

  #toPlace(character: string): string {
    if (isAscii(codeOf(character))) return character;
    const taken = this.#taken.get(character);
    return taken === undefined
      ? substitute(character)
      : String.fromCharCode(...taken.map((place) => directToFont + place));
  }
}

/** As a console shows it whose font is not ours: ASCII, and question marks as wide as what they stand for. */
export function toAscii(line: string): string {
  return [...line.normalize('NFC')]
    .map((character) => (isAscii(codeOf(character)) ? character : substitute(character)))
    .join('');
}

function substitute(character: string): string {
  return '?'.padEnd(columnsOf(character)).slice(0, columnsOf(character));
}

function codeOf(character: string): number {
  return character.codePointAt(0) ?? 0;
}
