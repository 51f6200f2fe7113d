// How many columns of a screen a text takes, and how it is made to fit: East Asian wide characters take two.

/**
 * First and last of the ranges that are wide (W, F) in Unicode 16's EastAsianWidth.txt, gaps without letters closed; and Greek, Cyrillic and
 * symbols, whose width it leaves open (A): Japanese fonts have them wide.
 */
const wide: readonly (readonly [number, number])[] = [
  [0x391, 0x451],
  [0x1100, 0x115f],
  [0x2010, 0x27bf],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xa960, 0xa97c],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6b],
  [0xff01, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x1b2fb],
  [0x1f000, 0x1f64f],
  [0x1f680, 0x1faf8],
  [0x20000, 0x3fffd],
];
const mark = /^[\p{Mn}\p{Me}]/u;

/** Columns of one character: 0 of a mark that stands over the one before, 2 of a wide one. */
export function widthOf(character: string): 0 | 1 | 2 {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x300) return 1;
  if (mark.test(character)) return 0;
  return wide.some(([first, last]) => code >= first && code <= last) ? 2 : 1;
}

export function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text) columns += widthOf(character);
  return columns;
}

/** `text` with spaces behind it up to `columns`. */
export function padColumns(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - columnsOf(text)));
}

/** `text` in at most `columns`, with `~` at the end of what was cut; a wide character goes in whole or not at all. */
export function clipColumns(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  let kept = '';
  let used = 0;
  for (const character of text) {
    used += widthOf(character);
    if (used > columns - 1) break;
    kept += character;
  }
  return `${kept}~`;
}
