import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<
  'dependencies' | 'devDependencies',
  Record<string, string>
>;
const text = readFileSync(join(root, 'docs/dependencies.md'), 'utf8');

/** Package and licence of each row, by section. */
function rowsOf(heading: string): Map<string, string> {
  const section = text.split(/^## /m).find((part) => part.startsWith(heading)) ?? '';
  const rows = section.matchAll(/^\| `([^`]+)` \| [^|]+ \| ([^|]+) \| [^|]+ \|$/gm);
  return new Map([...rows].map(([, name = '', licence = '']) => [name, licence.trim()]));
}

it('lists every package of package.json with a reason, a licence and a keeper, and no other', () => {
  expect([...rowsOf('At run time').keys()]).toEqual(Object.keys(dependencies).sort());
  expect([...rowsOf('For building and testing').keys()]).toEqual(Object.keys(devDependencies).sort());
});

it('names the licence that the package itself names', () => {
  for (const [name, licence] of [...rowsOf('At run time'), ...rowsOf('For building and testing')]) {
    const manifest = JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')) as {
      license: string;
    };
    expect(manifest.license.replace(' OR ', ' or '), name).toBe(licence);
  }
});

it('pins every version exactly', () => {
  for (const version of Object.values({ ...dependencies, ...devDependencies }))
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
});
