import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConsoleFont, toAscii } from '../../../agent/screen/console-font.ts';
import { Glyphs } from '../../../agent/screen/glyphs.ts';
import { columnsOf } from '../../../agent/screen/width.ts';
import { makeGlyphs, packGlyphs } from '../../fixtures/screen/make-glyphs.ts';

const range = (first: number, count: number): string =>
  Array.from({ length: count }, (_, i) => String.fromCharCode(first + i)).join('');
const ascii = range(0x20, 95);
const kanji = range(0x4e00, 400);

/** The byte that tells whose bitmap it is, for each place that the text names. */
function bitmapsOf(font: ConsoleFont, text: string): (number | undefined)[] {
  const psf = font.toPsf();
  return [...text].map((character) => {
    const code = character.charCodeAt(0);
    return psf[4 + 16 * (code >= 0xf000 ? code - 0xf000 : code)];
  });
}

describe('the font of the screen', () => {
  it('is a PSF of 512 characters of 16 rows, with ASCII in its place', () => {
    const psf = new ConsoleFont(makeGlyphs(ascii, '')).toPsf();
    expect([...psf.subarray(0, 4)]).toEqual([0x36, 0x04, 0x01, 16]);
    expect(psf).toHaveLength(4 + 512 * 16);
    for (const character of ascii) expect(psf[4 + 16 * character.charCodeAt(0)]).toBe(character.charCodeAt(0));
  });

  it('has the two halves of wide characters, and the text names their places', () => {
    const font = new ConsoleFont(makeGlyphs(`${ascii}é`, kanji));
    const { lines, changed } = font.fit(['a一é', 'b']);
    expect(changed).toBe(true);
    expect(lines[1]).toBe('b');
    expect([...(lines[0] ?? '')]).toHaveLength(4);
    expect(bitmapsOf(font, lines[0] ?? '')).toEqual([0x61, 0x00, 0x00, 0xe9]);
    const [second = ''] = font.fit(['丁']).lines;
    expect(bitmapsOf(font, second)).toEqual([0x01, 0x01]);
  });

  it('changes only when a character comes that it does not have, and keeps what is shown in its place', () => {
    const font = new ConsoleFont(makeGlyphs(ascii, kanji));
    expect(font.fit(['only ASCII']).changed).toBe(false);
    expect(font.isUsed).toBe(false);
    const first = font.fit(['一丁']);
    expect(font.isUsed).toBe(true);
    expect(font.fit(['丁一', 'x']).changed).toBe(false);
    expect(font.fit(['一丁', '丂']).lines[0]).toBe(first.lines[0]);
  });

  it('forgets what is shown no longer when it is full, and shows the rest as question marks when the page has too much', () => {
    const font = new ConsoleFont(makeGlyphs(ascii, kanji));
    const places = Math.floor((512 - 95 - 1) / 2);
    font.fit([kanji.slice(0, 150)]);
    const other = font.fit([kanji.slice(150, 300)]);
    expect(other.lines[0]).not.toContain('?');
    expect(bitmapsOf(font, other.lines[0] ?? '').filter((_, i) => i % 2 === 0)).toEqual(
      [...kanji.slice(150, 300)].map((character) => character.charCodeAt(0) & 0xff),
    );
    const much = font.fit([kanji]).lines[0] ?? '';
    expect(much.match(/\? /g)).toHaveLength(400 - places);
    expect(much).toHaveLength(800);
    // What there was no place for has one when the others are gone.
    expect(font.fit([kanji.slice(300)]).lines[0]).not.toContain('?');
  });

  it('shows what it has no bitmap for as question marks, and composes what is written in pieces', () => {
    const font = new ConsoleFont(makeGlyphs(`${ascii}é`, 'が'));
    expect(font.fit(['한é😀x']).lines[0]).toMatch(/^\? .\? x$/u);
    expect(font.fit(['か\u3099e\u0301']).lines[0]).toBe(font.fit(['がé']).lines[0]);
    expect(toAscii('状態 é한')).toBe('? ?  ?? ');
  });

  it('keeps every line as wide as it is, and writes nothing but ASCII and places', () => {
    const font = new ConsoleFont(makeGlyphs(ascii, kanji));
    const unit = fc.oneof(
      fc.constantFrom(...kanji, 'a', 'か', '\u3099', '\u0301'),
      fc.string({ unit: 'grapheme', maxLength: 1 }),
    );
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 60 }), (text) => {
        const line = text.replaceAll(/\p{C}/gu, '?');
        const [fitted = ''] = font.fit([line]).lines;
        expect(fitted).toHaveLength(columnsOf(line.normalize('NFC')));
        expect(fitted).toMatch(/^[\x20-\x7e\uf000-\uf1ff]*$/);
      }),
    );
  });
});

describe('the file with the bitmaps', () => {
  it('is refused unless it is whole', () => {
    const file = packGlyphs('ab', '一');
    expect(Glyphs.read(file)?.find('一')).toHaveLength(2);
    for (let length = 0; length < file.length; length++) expect(Glyphs.read(file.subarray(0, length))).toBeNull();
    expect(Glyphs.read(Buffer.concat([file, Buffer.of(0)]))).toBeNull();
    expect(Glyphs.open('/nowhere/at-all')).toBeNull();
  });
});
