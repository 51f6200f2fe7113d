// Every verb and flag that a person can type is explained somewhere, and everything that the pages tell a person to type is there.
import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const root = path.join(import.meta.dirname, '../..');
const pages = new Map(
  globSync(['docs/**/*.md', 'README.md'], { cwd: root })
    .filter((file) => !file.startsWith('docs/decisions/'))
    .map((file) => [file, readFileSync(path.join(root, file), 'utf8')]),
);

const lister = path.join(import.meta.dirname, '../fixtures/docs/list-verbs.ts');

const listed = JSON.parse(execFileSync(process.execPath, [lister], { encoding: 'utf8' })) as [
  string,
  string[],
  string,
][];
/** The flags of each verb, by what is typed: `image capture`. */
const verbs = new Map(listed.map(([name, flags]) => [name, flags]));

test('every verb and flag is in docs/ or the README', () => {
  expect([...verbs.keys()]).toContain('image capture');
  const text = [...pages.values()].join('\n');
  const says = (words: string): boolean => new RegExp(`(?<![\\w-])${words}(?![\\w-])`).test(text);
  const missing = [...verbs].flatMap(([name, flags]) => [
    ...(says(name) || says(`\`${name.split(' ')[1]}\``) ? [] : [name]),
    ...flags.flatMap((flag) => (says(flag) ? [] : [`${name} ${flag}`])),
  ]);
  expect(missing).toEqual([]);
});

test('every command line on a page names a verb and flags that are there', () => {
  // docs/format.md has words of this form that are no commands.
  const wrong = [...pages]
    .filter(([file]) => file !== 'docs/format.md')
    .flatMap(([file, text]) =>
      [...text.matchAll(/(?<=^(?: {4})?|`)deploy-os ([a-z][^`\n|#]*)/gm)].flatMap(([, line = '']) => {
        const words = line.trim().split(/\s+/);
        const name = [words.slice(0, 2).join(' '), words[0] ?? ''].find((candidate) => verbs.has(candidate));
        if (name === undefined) return [`${file}: deploy-os ${line}`];
        const typed = words.filter((word) => /^--[a-z]/.test(word)).map((word) => word.replace(/[=,;:.)].*$/, ''));
        return typed.filter((flag) => !verbs.get(name)?.includes(flag)).map((flag) => `${file}: ${name} ${flag}`);
      }),
    );
  expect(wrong).toEqual([]);
});

test('the help of each verb begins with a capital and says what it does in one sentence', () => {
  expect(listed.filter(([, , says]) => !/^[A-Z].*[^.]$/.test(says))).toEqual([]);
});
