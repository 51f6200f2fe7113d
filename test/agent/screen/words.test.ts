import { describe, expect, it } from 'vitest';
import { en } from '../../../agent/screen/words/en.ts';
import { ja } from '../../../agent/screen/words/ja.ts';

type Said = { readonly path: string; readonly text: string };

/** Everything in a catalogue, with arguments that say where they are. */
function sayAll(words: object, path = ''): Said[] {
  return Object.entries(words).flatMap(([name, value]): Said[] => {
    const here = path === '' ? name : `${path}.${name}`;
    if (typeof value === 'string') return [{ path: here, text: value }];
    if (typeof value === 'function') return [{ path: here, text: value('ONE', 'TWO', 'THREE') }];
    return sayAll(value, here);
  });
}

/** JIS X 0208, which the screen's font has (initramfs/stages/console-font.ts): the decoder's rows 9 to 15 and 85 on are of vendors. */
function listJis(): Set<string> {
  const decoder = new TextDecoder('euc-jp');
  const cells = Array.from({ length: 94 }, (_, i) => 0xa1 + i);
  const rows = cells.filter((_, i) => i < 8 || (i >= 15 && i < 84));
  return new Set(rows.flatMap((row) => cells.map((cell) => decoder.decode(Uint8Array.of(row, cell)))));
}

describe('the words in Japanese', () => {
  it('are of characters that the font of the screen has', () => {
    const jis = listJis();
    expect(jis.has('齋')).toBe(true);
    expect(jis.has('髙')).toBe(false);
    for (const { path, text } of sayAll(ja)) {
      const missing = [...text].filter((character) => !/[\x20-\x7e]/.test(character) && !jis.has(character));
      expect(`${path}: ${missing.join('')}`).toBe(`${path}: `);
    }
  });

  it('say with the same values what the English ones say, each in a way of its own', () => {
    const english = new Map(sayAll(en).map(({ path, text }) => [path, text]));
    const same = sayAll(ja).filter(({ path, text }) => english.get(path) === text);
    expect(same.map(({ path }) => path).sort()).toEqual([
      'form.empty',
      'form.label.vlan',
      'level.info',
      'page.nic',
      'wait.nic',
    ]);
    for (const { path, text } of sayAll(ja)) {
      for (const value of ['ONE', 'TWO', 'THREE']) {
        expect([path, value, text.includes(value)]).toEqual([path, value, english.get(path)?.includes(value)]);
      }
    }
  });
});
