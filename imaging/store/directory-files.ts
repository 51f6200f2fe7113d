// The file operations that a directory store is made of, with system errors in the catalogue's words.
import fs from 'node:fs/promises';
import path from 'node:path';
import { DeployError } from '../../protocol/errors.ts';
import { throwIfCancelled } from '../cancelled.ts';
import { errnoOf } from '../chunk/device-io.ts';
import { isDigest } from '../chunk/digest.ts';
import type { Digest } from './chunk-store.ts';
import { storeError } from './store-error.ts';

/** How many files are worked on at once; Node has four threads for it. */
const filesAtOnce = 16;

/** `work` on every item, some at a time; results in the items' order. */
export async function inTurns<Item, Result>(
  items: readonly Item[],
  signal: AbortSignal | undefined,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let i = 0; i < items.length; i += filesAtOnce) {
    throwIfCancelled(signal);
    const turn = await Promise.allSettled(items.slice(i, i + filesAtOnce).map(work));
    for (const outcome of turn) {
      if (outcome.status === 'rejected') throw outcome.reason;
      results.push(outcome.value);
    }
  }
  return results;
}

/** Where a chunk lies in a store's `root`. @throws invalid-input: no foreign text becomes a path */
export function chunkPathIn(root: string, digest: Digest): string {
  if (!isDigest(digest)) throw new DeployError('invalid-input', `'${digest}' is not a digest`);
  return path.join(root, 'chunks', digest.slice(0, 2), digest.slice(2));
}

export async function listNames(label: string, directory: string): Promise<string[]> {
  try {
    return (await fs.readdir(directory)).sort();
  } catch (thrown) {
    throw storeError(label, 'listing', thrown);
  }
}

/** What `work` returns, or null when the file it is about is not there. */
export async function unlessAbsent<Result>(
  label: string,
  doing: string,
  work: () => Promise<Result>,
): Promise<Result | null> {
  try {
    return await work();
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return null;
    throw storeError(label, doing, thrown);
  }
}

export function readFileIn(label: string, file: string, maxBytes: number): Promise<Buffer | null> {
  return unlessAbsent(label, 'reading', async () => {
    const handle = await fs.open(file);
    try {
      const { size } = await handle.stat();
      if (size > maxBytes) throw new Error(`${file} is ${size} bytes long, more than ${maxBytes}`);
      return await readWhole(handle, size);
    } finally {
      await handle.close();
    }
  });
}

/** Into memory of its own, which can be handed to another thread. A file that is cut meanwhile comes out shorter. */
async function readWhole(handle: fs.FileHandle, size: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(size);
  for (let done = 0; done < size; ) {
    const { bytesRead } = await handle.read(bytes, done, size - done, done);
    if (bytesRead === 0) return bytes.subarray(0, done);
    done += bytesRead;
  }
  return bytes;
}

export async function syncDirectory(label: string, directory: string): Promise<void> {
  try {
    const handle = await fs.open(directory);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (thrown) {
    throw storeError(label, 'flushing', thrown);
  }
}
