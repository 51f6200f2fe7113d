// Every dictionary of the console has every word in both languages.
import { globSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const root = path.join(import.meta.dirname, '../../console');
const files = globSync('**/*texts.ts', { cwd: root }).filter((file) => file !== path.join('i18n', 'texts.ts'));
type Dictionary = Record<string, string | ((...values: unknown[]) => string)>;

/** The same in both languages. */
const names = new Set(['Deploy-OS', 'ID', 'MAC', 'UEFI', 'BIOS', 'CPU', 'WWN']);

describe.each(files)('%s', async (file) => {
  const exported = Object.values(
    (await import(path.join(root, file))) as Record<string, { en: Dictionary; ja: Dictionary }>,
  );

  it('has the same keys in English and Japanese, none of them empty', () => {
    expect(exported.length).toBeGreaterThan(0);
    for (const { en, ja } of exported) {
      expect(Object.keys(ja)).toEqual(Object.keys(en));
      for (const words of [en, ja]) expect(Object.entries(words).filter(([, word]) => word === '')).toEqual([]);
    }
  });

  it('says in Japanese what is said in English', () => {
    for (const { en, ja } of exported) {
      for (const [key, word] of Object.entries(en)) {
        const there = ja[key];
        if (typeof word === 'function')
          expect([key, typeof there === 'function' && there.length]).toEqual([key, word.length]);
        else if (!names.has(word))
          expect([key, /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}]/u.test(String(there))]).toEqual([key, true]);
      }
    }
  });
});

it('there are dictionaries', () => expect(files).toContain(path.join('shell', 'texts.ts')));
