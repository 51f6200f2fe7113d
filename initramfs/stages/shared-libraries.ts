// Stage 2b: the libraries that the chosen programs need, found by what their ELF headers name rather than by a list.
import { open, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DeployError } from '../../protocol/errors.ts';
import type { ArchitectureFacts } from '../architecture.ts';
import type { FileTree } from '../file-tree.ts';
import { runTool } from '../run-tool.ts';

type Libraries = ArchitectureFacts['libraries'];

const elfMagic = Buffer.from('\x7fELF');
const binutilsHint = 'install binutils';

/** The folders of unpacked packages in which a loader would look. */
export function listLibraryPaths(packageDirs: readonly string[], { folder }: Libraries): string[] {
  const folders = [folder.replace(/^usr\//, ''), folder, 'lib64', 'lib'];
  return packageDirs.flatMap((dir) => folders.map((path) => join(dir, path)));
}

/**
 * Adds every library that these ELF files need, and that those need in turn, under the name they ask for. Files that are
 * not ELF and static programs need none. Throws `build-failed` for a library that no package has.
 */
export async function addSharedLibraries(
  tree: FileTree,
  programs: readonly string[],
  { packageDirs, libraries }: { packageDirs: readonly string[]; libraries: Libraries },
): Promise<void> {
  const paths = listLibraryPaths(packageDirs, libraries);
  const seen = new Set<string>();
  let pending = programs;
  while (pending.length > 0) {
    const needed = (await readNeeded(pending)).filter(({ library }) => !seen.has(library));
    const found = new Map<string, string>();
    for (const { library, neededBy } of needed) found.set(library, await findLibrary(library, neededBy, paths));
    for (const [library, file] of found) {
      seen.add(library);
      const folder = library.startsWith('ld-linux') ? libraries.loaderFolder : libraries.folder;
      tree.addFile(join(folder, library), file, 0o755);
    }
    pending = [...found.values()];
  }
}

async function readNeeded(candidates: readonly string[]): Promise<{ library: string; neededBy: string }[]> {
  const files: string[] = [];
  for (const file of candidates) if (await isElf(file)) files.push(file);
  if (files.length === 0) return [];
  // With one file readelf leaves out the line that names it, with two it does not: the first is given twice.
  const text = await runTool('readelf', ['-Wd', files[0] ?? '', ...files], { hint: binutilsHint });
  return text.split(/^File: /m).flatMap((part) => {
    const neededBy = part.split('\n', 1)[0] ?? '';
    return [...part.matchAll(/\(NEEDED\).*\[(.+)\]/g)].map(([, library = '']) => ({ library, neededBy }));
  });
}

/** Some programs are scripts. */
async function isElf(file: string): Promise<boolean> {
  await using handle = await open(file);
  const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0);
  return buffer.equals(elfMagic);
}

async function findLibrary(library: string, neededBy: string, paths: readonly string[]): Promise<string> {
  for (const folder of paths) {
    const found = await realpath(join(folder, library)).catch(() => undefined);
    if (found !== undefined) return found;
  }
  const program = join(basename(dirname(neededBy)), basename(neededBy));
  throw new DeployError('build-failed', `${program} needs ${library}, which no package has`, {
    hint: 'add its package to initramfs/packages.ts',
  });
}
