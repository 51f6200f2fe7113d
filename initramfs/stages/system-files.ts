// Stage 2: the root without drivers, Node and agent: programs out of packages, their libraries, and the files of ours.
import { globSync } from 'node:fs';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DeployError } from '../../protocol/errors.ts';
import type { ArchitectureFacts } from '../architecture.ts';
import { FileTree } from '../file-tree.ts';
import { type PackageChoice, systemPackages } from '../packages.ts';
import { runTool } from '../run-tool.ts';
import { makeConsoleGlyphs } from './console-font.ts';
import type { UnpackedPackage } from './fetch-packages.ts';
import { addSharedLibraries } from './shared-libraries.ts';

const ownFiles = join(import.meta.dirname, '../files');
const emptyFolders = ['dev', 'proc', 'sys', 'run', 'tmp', 'mnt', 'root', 'var', 'usr/lib/firmware'];

/** `firmwareDir`: a folder of firmware files that the site adds; Debian's main has none of the non-free ones. */
export type SystemOptions = {
  readonly packages: ReadonlyMap<string, UnpackedPackage>;
  /** ELF files of other stages whose libraries go in too: Node and its native modules. */
  readonly programs: readonly string[];
  readonly firmwareDir: string | undefined;
  /** busybox for this computer, of the same version: it is asked for its commands. */
  readonly hostBusybox: string;
  readonly libraries: ArchitectureFacts['libraries'];
  /** What will come beside it: programs that busybox need not stand in for. */
  readonly beside: FileTree;
};

export async function collectSystemFiles(options: SystemOptions): Promise<FileTree> {
  const tree = new FileTree();
  addSkeleton(tree, options.libraries);
  await addOwnFiles(tree);
  const font = options.packages.get('xfonts-shinonome');
  if (font !== undefined) tree.addFile('usr/lib/deploy-os/console-glyphs', await makeConsoleGlyphs(font.dir));
  const programs = [...options.programs];
  for (const choice of systemPackages) {
    const unpacked = options.packages.get(choice.name);
    if (unpacked !== undefined) programs.push(...(await addPackageFiles(tree, choice, unpacked.dir)));
  }
  const packageDirs = [...options.packages.values()].map(({ dir }) => dir);
  await addSharedLibraries(tree, programs, { packageDirs, libraries: options.libraries });
  await addApplets(tree, options);
  if (options.firmwareDir !== undefined) await addFolder(tree, options.firmwareDir, 'usr/lib/firmware');
  return tree;
}

function addSkeleton(tree: FileTree, { loaderFolder }: ArchitectureFacts['libraries']): void {
  for (const folder of new Set(['bin', 'sbin', 'lib', basename(loaderFolder)]))
    tree.addSymlink(folder, `usr/${folder}`);
  for (const path of emptyFolders) tree.add({ kind: 'directory', path, mode: path === 'tmp' ? 0o1777 : 0o755 });
  tree.addSymlink('var/run', '../run');
  tree.addSymlink('etc/mtab', '../proc/self/mounts');
  tree.addSymlink('etc/resolv.conf', '../run/resolv.conf');
  // The kernel opens it for PID 1 before anything is mounted.
  tree.add({ kind: 'character-device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 });
  tree.add({ kind: 'character-device', path: 'dev/null', mode: 0o666, major: 1, minor: 3 });
}

/** files/ mirrors the root; what a checkout made executable stays so. */
async function addOwnFiles(tree: FileTree): Promise<void> {
  await addFolder(tree, ownFiles, '');
}

/** All files but the explanation of the folder itself. */
async function addFolder(tree: FileTree, dir: string, into: string): Promise<void> {
  for (const entry of await readdir(dir, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || (entry.parentPath === dir && entry.name === 'README.md')) continue;
    const file = join(entry.parentPath, entry.name);
    const { mode } = await lstat(file);
    const path = join(into, file.slice(dir.length + 1));
    tree.addFile(path, await readFile(file), (mode & 0o100) === 0 ? 0o644 : 0o755);
  }
}

/** Adds what the choice's globs match; returns the files that may be ELF. A glob that matches nothing is an error. */
export async function addPackageFiles(tree: FileTree, choice: PackageChoice, dir: string): Promise<string[]> {
  const programs: string[] = [];
  for (const pattern of choice.files ?? []) {
    const paths = globSync(pattern, { cwd: dir });
    if (paths.length === 0) {
      throw new DeployError('build-failed', `package ${choice.name} has no ${pattern} any more`);
    }
    for (const path of paths.sort()) {
      const file = join(dir, path);
      const status = await lstat(file);
      if (status.isSymbolicLink()) tree.addSymlink(path, await readlink(file));
      else tree.addFile(path, file, status.mode & 0o755);
      if (status.isFile() && (status.mode & 0o100) !== 0) programs.push(file);
    }
  }
  return programs;
}

/** A link for every busybox applet whose name no real program has. */
async function addApplets(tree: FileTree, { hostBusybox, beside }: SystemOptions): Promise<void> {
  const applets = (await runTool(hostBusybox, ['--list-full'])).trim().split('\n');
  for (const applet of applets) {
    const name = applet.slice(applet.lastIndexOf('/') + 1);
    const taken = ['bin', 'sbin', 'usr/bin', 'usr/sbin'].some((folder) => {
      const path = `${folder}/${name}`;
      return tree.has(path) || beside.has(path);
    });
    if (!taken) tree.addSymlink(applet, '/usr/bin/busybox');
  }
}
