// R26: which names a host may have, and that a link of a foreign system never leads out of it.
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { RootFiles } from '../../../imaging/settings/root-files.ts';
import { checkHostName } from '../../../imaging/settings/settings.ts';
import { withTempDirectory } from '../../fixtures/temp-directory.ts';

test.each(['web-02', 'W', '52-54-00-77-09-01', 'web-02.example.org', '9', 'a'.repeat(63)])(
  '%s is a host name',
  (name) => {
    expect(() => checkHostName(name)).not.toThrow();
  },
);

test.each([
  '',
  'Empfang 2',
  '受付',
  'a..b',
  '-a',
  'a-',
  'a_b',
  'a.',
  '.a',
  'a\n',
  'a'.repeat(64),
  `${'a.'.repeat(32)}b`,
])('%j is none', (name) => {
  expect(() => checkHostName(name)).toThrow(expect.objectContaining({ code: 'invalid-input' }));
});

test('links, folders and paths that lead upwards are refused, and nothing outside is read or written', async () => {
  await withTempDirectory(async (directory) => {
    const at = (...names: string[]) => path.join(directory, ...names);
    await mkdir(at('root/etc/folder'), { recursive: true });
    await writeFile(at('outside'), 'mine');
    await symlink(at('outside'), at('root/etc/link'));
    await symlink(directory, at('root/linked'));
    await writeFile(at('root/etc/large'), Buffer.alloc(300 * 1024));
    const files = new RootFiles(at('root'));
    const odd = ['/etc/link', '/etc/folder', '/linked/outside', '/../outside', '/etc/../../outside'];
    const refusal = /^\/\S+ (is|leads|has)/;
    for (const file of [...odd, '/etc/large']) await expect(files.read(file), file).rejects.toThrow(refusal);
    for (const file of [...odd, '/etc/none']) await expect(files.overwrite(file, 'x'), file).rejects.toThrow(refusal);
    for (const file of [...odd, '/linked/new']) await expect(files.create(file, 'x'), file).rejects.toThrow(refusal);
    expect(await files.read('/etc/none')).toBe(null);
    expect(await files.kindOf('/etc/link')).toBe('link');
    expect(await readFile(at('outside'), 'utf8')).toBe('mine');
    await files.create('/etc/new', 'one');
    await files.overwrite('/etc/new', 'other');
    expect(await files.read('/etc/new')).toBe('other');
  });
});
