import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { writeCpio } from '../../initramfs/cpio.ts';
import { FileTree } from '../../initramfs/file-tree.ts';

const march2026 = 1_772_323_200;

function sampleTree(order: readonly number[]): FileTree {
  const tree = new FileTree();
  const adds = [
    () => tree.addText('init', '#!/bin/sh\n', 0o755),
    () => tree.addText('bin/tool', 'five!'),
    () => tree.addSymlink('sbin', 'usr/sbin'),
    () => tree.add({ kind: 'character-device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 }),
  ];
  for (const i of order) adds[i]?.();
  return tree;
}

/** What GNU cpio, which we do not use for writing, makes of the archive. */
function list(archive: Buffer): string[] {
  const text = execFileSync('cpio', ['-itvn', '--quiet'], { input: archive, encoding: 'utf8', env: { TZ: 'UTC' } });
  return text.trim().split('\n');
}

describe('writeCpio', () => {
  test('writes files, links, devices and the folders above them, as GNU cpio reads them', async () => {
    const lines = list(await writeCpio(sampleTree([0, 1, 2, 3]).entries(), march2026));
    expect(lines.map((line) => line.replace(/\s+/g, ' '))).toEqual([
      'drwxr-xr-x 2 0 0 0 Mar 1 2026 dev',
      'crw------- 1 0 0 5, 1 Mar 1 2026 dev/console',
      '-rwxr-xr-x 1 0 0 10 Mar 1 2026 init',
      'lrwxrwxrwx 1 0 0 8 Mar 1 2026 sbin -> usr/sbin',
      'drwxr-xr-x 2 0 0 0 Mar 1 2026 usr',
      'drwxr-xr-x 2 0 0 0 Mar 1 2026 usr/bin',
      '-rw-r--r-- 1 0 0 5 Mar 1 2026 usr/bin/tool',
    ]);
  });

  test('gives back the bytes of a file', async () => {
    const archive = await writeCpio(sampleTree([1]).entries(), march2026);
    const extracted = execFileSync('cpio', ['-i', '--quiet', '--to-stdout', 'usr/bin/tool'], { input: archive });
    expect(extracted.toString()).toBe('five!');
  });

  test('does not depend on the order in which entries were added, and ends on four bytes', async () => {
    const archive = await writeCpio(sampleTree([0, 1, 2, 3]).entries(), march2026);
    expect(archive.equals(await writeCpio(sampleTree([3, 1, 0, 2]).entries(), march2026))).toBe(true);
    expect(archive.length % 4).toBe(0);
  });
});

describe('FileTree', () => {
  test('the first to name a path decides, under its old name or its merged one', async () => {
    const tree = new FileTree();
    tree.addText('bin/sh', 'first');
    tree.addText('usr/bin/sh', 'second');
    const files = tree.entries().filter(({ kind }) => kind === 'file');
    expect(files).toEqual([{ kind: 'file', path: 'usr/bin/sh', mode: 0o644, source: Buffer.from('first') }]);
    expect(tree.has('bin/sh')).toBe(true);
  });
});
