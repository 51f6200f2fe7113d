// A cpio that boot loaders add to the initramfs: modules and firmware for a class of machines (docs/build.md, "Overlays").
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { DeployError } from '../protocol/errors.ts';
import { writeCpio } from './cpio.ts';
import { FileTree } from './file-tree.ts';

/** What initramfs/files/usr/lib/deploy-os/merge-overlay takes; the names are those of the root, and `lib` may be `usr/lib`. */
const places = /^(?:usr\/)?(lib\/firmware\/.+|lib\/modules\/[^/]+\/.+)$/;
const moduleFile = /^lib\/modules\/([^/]+)\/.+\.ko(\.(gz|xz|zst))?$/;
/** depmod's own tables, of the machine that the folder was copied from: the Deploy-OS makes its own. */
const table = /^lib\/modules\/[^/]+\/(modules\.[^/]+|build|source)$/;

export type Overlay = {
  readonly cpio: Buffer;
  readonly firmwareFiles: number;
  /** Modules by the release of the kernel that they are for. */
  readonly modules: ReadonlyMap<string, number>;
};

/** `dir` has `lib/firmware/…` and `lib/modules/RELEASE/…`. @throws DeployError invalid-input for anything else, and when there is nothing. */
export async function packOverlay(dir: string): Promise<Overlay> {
  const tree = new FileTree();
  const modules = new Map<string, number>();
  let firmwareFiles = 0;
  for (const path of await listFiles(dir)) {
    const place = places.exec(path)?.[1];
    if (place === undefined) throw new DeployError('invalid-input', `${join(dir, path)}: ${wanted}`);
    if (table.test(place)) continue;
    const release = moduleFile.exec(place)?.[1];
    if (place.startsWith('lib/modules/') && release === undefined) {
      throw new DeployError('invalid-input', `${join(dir, path)}: no module (.ko, .ko.xz, .ko.zst or .ko.gz)`);
    }
    if (release === undefined) firmwareFiles++;
    else modules.set(release, (modules.get(release) ?? 0) + 1);
    await addEntry(tree, dir, path, place);
  }
  if (firmwareFiles + modules.size === 0) throw new DeployError('invalid-input', `${dir} is empty: ${wanted}`);
  return { cpio: await writeCpio(tree.entries(), 0), firmwareFiles, modules };
}

const wanted = 'an overlay has lib/firmware/… and lib/modules/RELEASE/…, and nothing else';

async function listFiles(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true, recursive: true }).catch((cause) => {
    throw new DeployError('invalid-input', `reading the overlay's folder ${dir}: ${(cause as Error).message}`, {
      cause,
    });
  });
  const files = entries.filter((entry) => !entry.isDirectory());
  return files.map((entry) => relative(dir, join(entry.parentPath, entry.name))).sort();
}

/** Below `overlay/`, where it is in nobody's way: `lib` in the root is a link, which an archive with a folder of that name would replace. */
async function addEntry(tree: FileTree, dir: string, path: string, place: string): Promise<void> {
  const file = join(dir, path);
  const status = await lstat(file);
  // linux-firmware has links to the files beside them.
  if (status.isSymbolicLink()) tree.addSymlink(`overlay/${place}`, await readlink(file));
  else if (status.isFile()) tree.addFile(`overlay/${place}`, file);
  else throw new DeployError('invalid-input', `${file}: neither a file nor a link`);
}
