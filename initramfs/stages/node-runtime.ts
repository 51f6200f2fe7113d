// Stage 4: the pinned Node without its symbol table, its tables for other languages and what else of it is of no use in the field: a third of it.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArchitectureFacts } from '../architecture.ts';
import { type BuildCache, hashFile, hashOf } from '../build-cache.ts';
import { FileTree } from '../file-tree.ts';
import { runTool } from '../run-tool.ts';
import { blankLanguageData, languageDataVersion } from './language-data.ts';
import { findQuickPacker, type ImageFacts, packImage } from './squashfs.ts';
import { blankUnusedParts, unusedPartsVersion } from './unused-parts.ts';

export type NodeOptions = {
  readonly cache: BuildCache;
  /** The npm package with it, on this computer. */
  readonly dir: string;
  readonly strip: ArchitectureFacts['strip'];
  readonly image: ImageFacts;
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
export async function collectNode({ cache, dir, strip, image: facts, signal }: NodeOptions): Promise<NodeRuntime> {
  const { version } = JSON.parse(await readFile(join(dir, 'package.json'), 'utf8')) as { version: string };
  const original = join(dir, 'bin/node');
  const sha256 = await hashFile(original);
  const made = { sha256, stripVersion: await stripVersion(strip), languageDataVersion, unusedPartsVersion };
  const reduced = await cache.obtain('node', hashOf(made), async (folder) => {
    const binary = join(folder, 'bin/node');
    await mkdir(join(folder, 'bin'), { recursive: true });
    await runTool(strip.command, ['-o', binary, original], { signal });
    const bytes = await readFile(binary);
    blankLanguageData(bytes);
    blankUnusedParts(bytes);
    await writeFile(binary, bytes);
  });
  const packer = await findQuickPacker(facts);
  const image = await cache.obtain('node', `${hashOf({ made, packer })}.squashfs`, async (to) => {
    await packImage(reduced.path, to, packer, signal);
  });
  const tree = new FileTree();
  tree.addFile('usr/lib/node.squashfs', image.path);
  tree.add({ kind: 'directory', path: 'usr/lib/node', mode: 0o755 });
  tree.addSymlink('usr/bin/node', '../lib/node/bin/node');
  return { tree, version, sha256, binary: join(reduced.path, 'bin/node'), cached: image.cached };
}

async function stripVersion(strip: ArchitectureFacts['strip']): Promise<string> {
  const text = await runTool(strip.command, ['--version'], { hint: `install ${strip.package}` });
  return text.split('\n', 1)[0] ?? '';
}
