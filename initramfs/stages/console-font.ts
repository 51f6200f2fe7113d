// Part of stage 2: the bitmaps of Japanese for the machine's own screen, out of a font for X, as small as they compress.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { DeployError } from '../../protocol/errors.ts';
import { readPcf } from './pcf.ts';

const folder = 'usr/share/fonts/X11/misc';
const rows = 16;

/**
 * The file that agent/screen/glyphs.ts reads, from the package xfonts-shinonome as unpacked in `packageDir`: `DGLY`; how many characters are one
 * cell wide, and how many two (16 bits each, little-endian, like all but the bitmaps); their code points, in order, each as the distance from the one before (16 bits); then the
 * bitmaps: 16 bytes of those of one cell, row after row; 32 bytes of those of two, column after column, which compresses best.
 * @throws build-failed when the package has other fonts than it had
 */
export async function makeConsoleGlyphs(packageDir: string): Promise<Buffer> {
  const [latin, kana, kanji] = await Promise.all(
    ['shnm8x16a', 'shnm8x16r', 'shnmk16'].map(async (name) => {
      return readPcf(gunzipSync(await readFile(join(packageDir, folder, `${name}.pcf.gz`))));
    }),
  );
  if (latin === undefined || kana === undefined || kanji === undefined) throw new Error('unreachable');
  const narrow = new Map<number, Buffer>();
  for (const [code, bitmap] of latin) if (isLatin(code)) narrow.set(code, bitmap);
  for (const [code, bitmap] of kana) if (code >= 0xa1 && code <= 0xdf) narrow.set(halfwidthKana + code, bitmap);
  const wide = new Map<number, Buffer>();
  const eucJp = new TextDecoder('euc-jp');
  for (const [code, bitmap] of kanji) {
    const text = eucJp.decode(Uint8Array.of((code >> 8) | 0x80, (code & 0xff) | 0x80));
    for (const spelled of [text, twins.get(text)]) {
      if (spelled !== undefined && spelled.length === 1 && spelled !== '\ufffd')
        wide.set(spelled.charCodeAt(0), turn(bitmap));
    }
  }
  if (narrow.size < 200 || wide.size < 6800)
    throw new DeployError('build-failed', 'xfonts-shinonome has other fonts than it had');
  return pack(narrow, wide);
}

/** U+FF61 is A1 in JIS X 0201. */
const halfwidthKana = 0xff61 - 0xa1;
/** What Unicode has twice, for the sake of different tables of JIS X 0208: the WHATWG's names come first. */
const twins = new Map([
  ['\uff5e', '\u301c'],
  ['\u2225', '\u2016'],
  ['\uff0d', '\u2212'],
  ['\u2015', '\u2014'],
]);

/** ISO 8859-1 without control characters. */
function isLatin(code: number): boolean {
  return (code >= 0x20 && code < 0x7f) || (code > 0xa0 && code <= 0xff);
}

/** Rows of 16 points into columns. */
function turn(bitmap: Buffer): Buffer {
  const turned = Buffer.alloc(2 * rows);
  for (let x = 0; x < 16; x++) {
    let column = 0;
    for (let y = 0; y < rows; y++) column |= ((bitmap.readUInt16BE(2 * y) >> (15 - x)) & 1) << (15 - y);
    turned.writeUInt16BE(column, 2 * x);
  }
  return turned;
}

function pack(...sections: readonly ReadonlyMap<number, Buffer>[]): Buffer {
  const sorted = sections.map((section) => [...section].sort(([a], [b]) => a - b));
  const distances = sorted.map((section) => section.map(([code], i) => code - (section[i - 1]?.[0] ?? 0)));
  const numbers = [...sorted.map(({ length }) => length), ...distances.flat()];
  const head = Buffer.alloc(2 * numbers.length);
  for (const [i, number] of numbers.entries()) head.writeUInt16LE(number, 2 * i);
  return Buffer.concat([Buffer.from('DGLY'), head, ...sorted.flat().map(([, bitmap]) => bitmap)]);
}
