// The skeleton of a directory store: makes it, or recognises one.
import fs from 'node:fs/promises';
import path from 'node:path';
import { DeployError } from '../../protocol/errors.ts';
import { errnoOf } from '../chunk/device-io.ts';
import { storeError } from './store-error.ts';
import { checkMarker, markerName, markerText } from './store-marker.ts';

/** After this `root` is a store of the known version. @throws store-not-found, store-version, store-io, store-full */
export async function prepareDirectory(root: string, create: boolean): Promise<void> {
  try {
    if (create && (await isAbsentOrEmpty(root))) await makeStore(root);
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

async function isAbsentOrEmpty(root: string): Promise<boolean> {
  try {
    const names = await fs.readdir(root);
    return names.every((name) => name === 'lost+found');
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return true;
    throw thrown;
  }
}

/** The marker comes last: a directory with one is complete. Two makers at once make the same. */
async function makeStore(root: string): Promise<void> {
  for (const directory of ['chunks', 'images', 'keys', 'tmp'])
    await fs.mkdir(path.join(root, directory), { recursive: true });
  for (let i = 0; i < 256; i++) {
    await fs.mkdir(path.join(root, 'chunks', i.toString(16).padStart(2, '0')), { recursive: true });
  }
  const temporary = path.join(root, 'tmp', `${markerName}-${process.pid}`);
  const handle = await fs.open(temporary, 'w');
  await handle.writeFile(markerText);
  await handle.sync();
  await handle.close();
  await fs.rename(temporary, path.join(root, markerName));
  for (const directory of ['.', 'chunks', '..']) {
    const parent = await fs.open(path.join(root, directory));
    await parent.sync().finally(() => parent.close());
  }
}
