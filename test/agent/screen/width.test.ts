import fc from 'fast-check';
import { expect, it } from 'vitest';
import { clipColumns, columnsOf, padColumns, widthOf } from '../../../agent/screen/width.ts';

it('knows wide characters from narrow ones and from marks', () => {
  const widths = {
    a: 1,
    é: 1,
    状: 2,
    カ: 2,
    '。': 2,
    Ａ: 2,
    ｶ: 1,
    한: 2,
    Я: 2,
    '…': 2,
    '\u{1f600}': 2,
    '\u{20bb7}': 2,
    '\u0301': 0,
    '\u3099': 0,
  };
  for (const [character, width] of Object.entries(widths))
    expect([character, widthOf(character)]).toEqual([character, width]);
});

it('pads and cuts by columns, and cuts no wide character in half', () => {
  expect(padColumns('状態', 6)).toBe('状態  ');
  expect(clipColumns('状態ok', 6)).toBe('状態ok');
  expect(clipColumns('状態ok!', 6)).toBe('状態o~');
  expect(clipColumns('状態状態', 6)).toBe('状態~');
});

const unit = fc.constantFrom('a', '状', 'ｶ', '\u{1f600}', '\u0301', '\ud800', '~');

it('fits any text into any width, and leaves alone what fits', () => {
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 40 }), fc.integer({ min: 1, max: 60 }), (text, columns) => {
      const clipped = clipColumns(text, columns);
      expect(columnsOf(clipped)).toBeLessThanOrEqual(columns);
      if (columnsOf(text) <= columns) expect(clipped).toBe(text);
      else expect(columnsOf(clipped)).toBeGreaterThanOrEqual(columns - 1);
      expect(columnsOf(padColumns(text, columns))).toBe(Math.max(columns, columnsOf(text)));
    }),
  );
});
