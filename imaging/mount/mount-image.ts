// The recipe of `image mount`: an image's disk and partitions as files, and its file systems mounted below, all read-only.
import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { DeployError, toDeployError } from '../../protocol/errors.ts';
import { throwIfCancelled } from '../cancelled.ts';
import type { FileTree, TreeEntry } from '../fuse/file-tree.ts';
import { type MountedTree, mountTree } from '../fuse/mount-tree.ts';
import { openImageReader } from '../image-reader.ts';
import { diskFileName, partitionFileName, viewEntries } from '../image-view.ts';
import { loadManifest } from '../manifest/load-image.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { ChunkStore, Digest } from '../store/chunk-store.ts';
import { clearDeadMounts } from './dead-mounts.ts';
import { mountPartition } from './mount-partition.ts';
import { unmount } from './mount-table.ts';

export type MountImageOptions = {
  readonly imageName: string;
  readonly store: ChunkStore;
  /** An empty folder. */
  readonly directory: string;
  /** Mount only the file system of this partition. */
  readonly partition?: number;
  /** Show the disk and partitions as files only, and mount nothing of what is in them. */
  readonly raw?: boolean;
  /** Stops the mounting; once `mountImage` has returned, `unmount` does. */
  readonly signal?: AbortSignal | undefined;
  readonly onWarning?: (message: string) => void;
};

export type MountedPartition = {
  readonly number: number;
  readonly fileSystem: string | null;
  /** Its bytes. */
  readonly file: string;
  /** Where its files are; null when they could not be shown, and `why`. */
  readonly directory: string | null;
  readonly driver: string | null;
  readonly why: string | null;
};

export type MountedImage = {
  readonly name: string;
  readonly rootDigest: Digest;
  readonly disk: string;
  readonly partitions: readonly MountedPartition[];
  /** Resolves when the image is unmounted, by `unmount` or by anyone else. */
  readonly ended: Promise<void>;
  /** Unmounts everything in order. What is still in use after `patienceMs` is cut off, with a warning. */
  readonly unmount: (patienceMs?: number) => Promise<void>;
};

const defaultPatienceMs = 5_000;

/**
 * Mounts an image. What an earlier, killed mount left behind is taken away first.
 * @throws image-not-found, manifest-corrupt, mount-point-used, mount-failed, tool-missing, cancelled
 */
export async function mountImage(options: MountImageOptions): Promise<MountedImage> {
  const { store, imageName, signal } = options;
  try {
    const manifest = await loadManifest(store, imageName, signal);
    const chosen = choosePartitions(manifest, options.partition);
    for (const dead of await clearDeadMounts())
      options.onWarning?.(`${dead} was left behind by a mount that died: unmounted`);
    const directory = await checkMountPoint(options.directory);
    throwIfCancelled(signal);
    const tree = await mountTree(treeOf(manifest, chosen, options), directory, {
      onError: (error) => options.onWarning?.(error.message),
    });
    return await mountFiles(manifest, options.raw === true ? [] : chosen, tree, options);
  } catch (thrown) {
    throw toDeployError(thrown).during(`mounting '${imageName}' on ${options.directory}`);
  }
}

type Partition = Manifest['partitions'][0];

function choosePartitions({ name, partitions }: Manifest, partition: number | undefined): Partition[] {
  if (partition === undefined) return partitions;
  const chosen = partitions.filter(({ number }) => number === partition);
  if (chosen.length > 0) return chosen;
  const numbers = partitions.map(({ number }) => number).join(', ');
  throw new DeployError('invalid-input', `'${name}' has no partition ${partition}; it has ${numbers}`);
}

/** Something that is empty, so that nothing is hidden and nothing of another mount is in the way. */
async function checkMountPoint(directory: string): Promise<string> {
  const found = await stat(directory).catch((cause: unknown) => {
    throw new DeployError('device-not-found', `there is no folder ${directory}`, { cause });
  });
  if (!found.isDirectory()) throw new DeployError('invalid-input', `${directory} is no folder`);
  if ((await readdir(directory)).length > 0) {
    throw new DeployError('mount-point-used', `${directory} is not empty`, {
      hint: `Choose an empty folder. If an image is mounted there: umount -R ${directory}`,
    });
  }
  return await realpath(directory);
}

function treeOf(manifest: Manifest, shown: readonly Partition[], { store, raw }: MountImageOptions): FileTree {
  const places: TreeEntry[] = shown.map(({ number }) => ({ name: String(number), folder: true }));
  const entries = [...viewEntries(openImageReader(store, manifest), shown), ...(raw === true ? [] : places)];
  return { entries, modifiedSeconds: Math.floor(Date.parse(manifest.createdAt) / 1000) };
}

async function mountFiles(
  manifest: Manifest,
  wanted: readonly Partition[],
  tree: MountedTree,
  options: MountImageOptions,
): Promise<MountedImage> {
  const partitions: MountedPartition[] = [];
  const takeDown = (patienceMs = defaultPatienceMs) => unmountAll(partitions, tree, patienceMs, options);
  try {
    for (const partition of wanted) {
      partitions.push(await mountOne(partition, tree.directory));
      throwIfCancelled(options.signal);
    }
  } catch (thrown) {
    await takeDown(0);
    throw thrown;
  }
  const { name, rootDigest } = manifest;
  const disk = path.join(tree.directory, diskFileName);
  return { name, rootDigest, disk, partitions, ended: tree.ended, unmount: takeDown };
}

async function mountOne(partition: Partition, root: string): Promise<MountedPartition> {
  const { number, fileSystem } = partition;
  const file = path.join(root, number === 0 ? diskFileName : partitionFileName(number));
  const directory = path.join(root, String(number));
  const result = await mountPartition(file, directory, partition);
  if ('mounted' in result) return { number, fileSystem, file, directory, driver: result.mounted, why: null };
  return { number, fileSystem, file, directory: null, driver: null, why: result.why };
}

/** The file systems first: they are users of the files. */
async function unmountAll(
  partitions: readonly MountedPartition[],
  tree: MountedTree,
  patienceMs: number,
  { onWarning }: MountImageOptions,
): Promise<void> {
  const cutOff: string[] = [];
  for (const { directory } of [...partitions].reverse()) {
    if (directory !== null && (await unmount(directory, { patienceMs, thenDetach: true }))) cutOff.push(directory);
  }
  if (await tree.unmount(cutOff.length > 0 ? 0 : patienceMs)) cutOff.push(tree.directory);
  for (const directory of cutOff) onWarning?.(`${directory} was still in use: its users were cut off`);
}
