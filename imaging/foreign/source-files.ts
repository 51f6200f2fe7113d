// Which files belong to the one that a person named: images are split when they are large.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { corrupt } from './partclone-header.ts';

/** All parts in order when `filePath` is the first of several (`….aa`, `….000`), else itself. @throws import-corrupt when one is missing */
export async function listParts(filePath: string): Promise<string[]> {
  const first = /^(?<stem>.*\.)(?<suffix>a{2,3}|0{2,3})$/.exec(path.basename(filePath))?.groups;
  if (first?.stem === undefined || first.suffix === undefined) return [filePath];
  const { stem, suffix } = first;
  const pattern = suffix.startsWith('a') ? /^[a-z]+$/ : /^[0-9]+$/;
  const found = (await readdir(path.dirname(filePath)))
    .filter((name) => name.startsWith(stem))
    .map((name) => name.slice(stem.length))
    .filter((part) => part.length === suffix.length && pattern.test(part))
    .sort();
  for (const [i, part] of found.entries()) {
    if (partNumber(part) === i) continue;
    throw corrupt(filePath, `a part is missing before ${stem}${part}`);
  }
  return found.map((part) => path.join(path.dirname(filePath), stem + part));
}

/** aa, ab, … as `split` counts; or 000, 001, … */
function partNumber(part: string): number {
  if (/^[0-9]+$/.test(part)) return Number(part);
  return [...part].reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 97, 0);
}
