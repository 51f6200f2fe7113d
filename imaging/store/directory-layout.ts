// The skeleton of a directory store: makes it, or recognises one.
import { randomUUID } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { DeployError } from '../../protocol/errors.ts';
import { errnoOf } from '../chunk/device-io.ts';
import { storeError } from './store-error.ts';
import { checkMarker, markerName, markerText } from './store-marker.ts';

const folders = ['chunks', 'images', 'keys', 'tmp'];

/** After this `root` is a store of the known version. @throws store-not-found, store-version, store-io, store-full */
export async function prepareDirectory(root: string, create: boolean): Promise<void> {
  try {
    if (create && (await isAbsentOrBare(root))) await makeStore(root);
    checkMarker(root, await fs.readFile(path.join(root, markerName), 'utf8'));
  } catch (thrown) {
    const code = errnoOf(thrown);
    if (code === 'ENOENT' || code === 'ENOTDIR') throw notAStore(root, create);
    throw storeError(root, 'opening', thrown);
  }
}

function notAStore(root: string, create: boolean): DeployError {
  return new DeployError('store-not-found', `${root} is not an image store`, {
    hint: create
      ? 'Name a new or empty directory to make a store there.'
      : 'Check the path; `deploy-os image capture` makes a store in a new or empty directory.',
  });
}

/** Nothing there, or no more than a maker had done whose power went, or who is at it now: folders without a file that matters. */
async function isAbsentOrBare(root: string): Promise<boolean> {
  try {
    const names = (await fs.readdir(root)).filter((name) => name !== 'lost+found');
    if (!names.every((name) => folders.includes(name))) return false;
    for (const name of names.filter((folder) => folder !== 'tmp')) {
      const inside = await fs.readdir(path.join(root, name), { recursive: true, withFileTypes: true });
      if (inside.some((entry) => !entry.isDirectory())) return false;
    }
    return true;
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return true;
    throw thrown;
  }
}

/** The marker comes last: a directory with one is complete, also after a power cut. Two makers at once make the same. */
async function makeStore(root: string): Promise<void> {
  const first = await fs.mkdir(root, { recursive: true });
  for (const directory of folders) await fs.mkdir(path.join(root, directory), { recursive: true });
  for (let i = 0; i < 256; i++) {
    await fs.mkdir(path.join(root, 'chunks', i.toString(16).padStart(2, '0')), { recursive: true });
  }
  for (const directory of [path.join(root, 'chunks'), root, ...parentsOf(root, first ?? root)])
    await syncDirectory(directory);
  const temporary = path.join(root, 'tmp', `${markerName}-${randomUUID()}`);
  const handle = await fs.open(temporary, 'w');
  await handle.writeFile(markerText);
  await handle.sync();
  await handle.close();
  await fs.rename(temporary, path.join(root, markerName));
  await syncDirectory(root);
}

/** The folders that hold the name of `root` and of each folder from `first` on that was made for it. */
function parentsOf(root: string, first: string): string[] {
  const parent = path.dirname(root);
  return root === first || parent === root ? [parent] : [parent, ...parentsOf(parent, first)];
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await fs.open(directory);
  await handle.sync().finally(() => handle.close());
}
