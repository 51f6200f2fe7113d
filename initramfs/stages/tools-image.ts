// Stage 2c: the programs that only some jobs run, in an image of their own: they cost memory when they run, and only then.
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ArchitectureFacts } from '../architecture.ts';
import { type BuildCache, hashOf } from '../build-cache.ts';
import { FileTree, readSource } from '../file-tree.ts';
import { toolPackages } from '../packages.ts';
import type { UnpackedPackage } from './fetch-packages.ts';
import { addSharedLibraries } from './shared-libraries.ts';
import { findPacker, type ImageFacts, packImage } from './squashfs.ts';
import { addPackageFiles } from './system-files.ts';

/** Where start-system mounts the image; everywhere else links lead there. */
const mountedAt = 'usr/lib/tools';

/** `programs`: those of the files in `tree` that may be ELF, where they lie on the host. */
export type Tools = { readonly tree: FileTree; readonly programs: readonly string[] };

/** What the packages have of it, without libraries. */
export async function chooseTools(packages: ReadonlyMap<string, UnpackedPackage>): Promise<Tools> {
  const tree = new FileTree();
  const programs: string[] = [];
  for (const choice of toolPackages) {
    const unpacked = packages.get(choice.name);
    if (unpacked !== undefined) programs.push(...(await addPackageFiles(tree, choice, unpacked.dir)));
  }
  return { tree, programs };
}

export type PackToolsOptions = {
  readonly packages: ReadonlyMap<string, UnpackedPackage>;
  /** The root, whose libraries serve the tools too. */
  readonly system: FileTree;
  readonly cache: BuildCache;
  readonly image: ImageFacts;
  readonly libraries: ArchitectureFacts['libraries'];
  readonly signal?: AbortSignal | undefined;
};

/** The image, and a link into it for each of its files at the place where a program or the loader looks. */
export async function packTools(
  { tree: tools, programs }: Tools,
  { packages, system, cache, image: facts, libraries, signal }: PackToolsOptions,
): Promise<{ tree: FileTree; cached: boolean }> {
  const packageDirs = [...packages.values()].map(({ dir }) => dir);
  await addSharedLibraries(tools, programs, { packageDirs, libraries });
  const files = await readFiles(tools, system);
  const packer = await findPacker(facts);
  const key = hashOf({ files: files.map((file) => ({ ...file, bytes: file.bytes && hashOf(file.bytes) })), packer });
  const image = await cache.obtain('tools', `${key}.squashfs`, async (to) => {
    const folder = `${to}-root`;
    for (const file of files) await writeTo(join(folder, inImage(file.path)), file);
    await packImage(folder, to, packer, signal);
    await rm(folder, { recursive: true });
  });
  const tree = new FileTree();
  tree.addFile(`${mountedAt}.squashfs`, image.path);
  tree.add({ kind: 'directory', path: mountedAt, mode: 0o755 });
  for (const { path } of files) tree.addSymlink(path, `/${mountedAt}/${inImage(path)}`);
  return { tree, cached: image.cached };
}

type ToolFile = {
  readonly path: string;
  readonly mode: number;
  readonly bytes: Uint8Array | null;
  readonly link: string | null;
};

async function readFiles(tools: FileTree, system: FileTree): Promise<ToolFile[]> {
  const files: ToolFile[] = [];
  for (const entry of tools.entries()) {
    if (system.has(entry.path)) continue;
    if (entry.kind === 'symlink') files.push({ path: entry.path, mode: 0o777, bytes: null, link: entry.target });
    if (entry.kind !== 'file') continue;
    files.push({ path: entry.path, mode: entry.mode, bytes: await readSource(entry.source), link: null });
  }
  return files;
}

async function writeTo(path: string, { mode, bytes, link }: ToolFile): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  if (bytes !== null) await writeFile(path, bytes, { mode });
  else await symlink(link ?? '', path);
}

/** `usr/sbin/lvm` → `sbin/lvm` */
function inImage(path: string): string {
  return path.replace(/^usr\//, '');
}
