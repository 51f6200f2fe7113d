// What the documentation and the sources refer to is there: files, headings, and pages that comments and messages name.
import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const root = path.join(import.meta.dirname, '../..');
const sources = '{agent,cli,imaging,initramfs,kernel-config,protocol,scripts,server,test}/**/*.{ts,md,cfg,conf,json}';
const pages = globSync(['docs/**/*.md', '*.md', 'initramfs/**/*.md'], { cwd: root });
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

/** Without code, in which brackets mean something else. */
function proseOf(file: string): string {
  return read(file)
    .replaceAll(/^(```+).*?^\1$/gms, '')
    .replaceAll(/`[^`\n]*`/g, 'code');
}

/** Of files in the repository. */
function targetsOf(page: string): string[] {
  return [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target));
}

const headingsOf = (file: string): string[] =>
  [...read(file).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading.replaceAll('`', ''));

/** Headings, and the bold words that paragraphs begin with. */
function namesOf(file: string): string[] {
  return [...headingsOf(file), ...[...read(file).matchAll(/^(?:- )?\*\*([^*]+)\*\*/gm)].map(([, name = '']) => name)];
}

/** As GitHub makes them; a second heading of the same words would get a number. */
function anchorsOf(file: string): string[] {
  return headingsOf(file).map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function isBroken(page: string, target: string): boolean {
  const [file = '', anchor] = target.split('#');
  const found = file === '' ? page : path.join(path.dirname(page), decodeURIComponent(file));
  if (!existsSync(path.join(root, found))) return true;
  return anchor !== undefined && !anchorsOf(found).includes(anchor);
}

test('every link between pages leads to a file, and to a heading in it', () => {
  expect(pages).toContain('docs/operations/README.md');
  const broken = pages.flatMap((page) =>
    targetsOf(page)
      .filter((target) => isBroken(page, target))
      .map((target) => `${page}: ${target}`),
  );
  expect(broken).toEqual([]);
});

test('every page is linked from another one', () => {
  const linked = pages.flatMap((page) =>
    targetsOf(page).map((target) => path.join(path.dirname(page), target.replace(/#.*/, ''))),
  );
  const orphans = pages.filter((page) => page.startsWith('docs/') && !page.startsWith('docs/decisions/'));
  expect(orphans.filter((page) => !linked.includes(page))).toEqual([]);
});

test('every page that a source, a message or another page names is there, with the heading that is named', () => {
  const wrong = [...globSync(sources, { cwd: root, exclude: ['**/node_modules/**'] }), ...pages].flatMap((file) =>
    [...read(file).matchAll(/\bdocs\/([\w/-]+\.md)(?:,? ["“]([^"”\n]+)["”])?/g)]
      .filter(([, page = '', heading]) => {
        if (!existsSync(path.join(root, 'docs', page))) return true;
        return heading !== undefined && !namesOf(`docs/${page}`).some((name) => name.startsWith(heading));
      })
      .map(([what]) => `${file}: ${what}`),
  );
  expect(wrong).toEqual([]);
});
