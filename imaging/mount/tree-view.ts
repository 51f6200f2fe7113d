// A file tree as a folder for as long as a recipe works with it: the ground of overlays, and of logical volumes that no kernel driver shows.
import { mkdtemp, realpath, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TreeEntry } from '../fuse/file-tree.ts';
import { mountTree } from '../fuse/mount-tree.ts';

const patienceMs = 10_000;

/** Gives `work` the folder, and takes it away afterwards. @throws mount-failed, tool-missing, and what `work` throws */
export async function withTree<Result>(
  entries: readonly TreeEntry[],
  onError: (error: Error) => void,
  work: (folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'deploy-os-view-')));
  try {
    const tree = await mountTree({ entries, modifiedSeconds: Math.floor(Date.now() / 1000) }, folder, { onError });
    try {
      return await work(folder);
    } finally {
      await tree.unmount(patienceMs);
    }
  } finally {
    await rmdir(folder);
  }
}
