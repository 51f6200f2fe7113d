// What a thread of its own does for a directory store: files in batches, by plain system calls, which cost half of what Node's promises do.
import fs from 'node:fs';
import { errnoOf } from '../chunk/device-io.ts';
import { storeError } from './store-error.ts';

/** A file to be made: written to `temporary`, then renamed to `file` (a chunk that is there already is replaced). */
export type NewFile = { readonly temporary: string; readonly file: string; readonly bytes: Uint8Array };

/** Open at the same time; the first flush of so many brings most of the others to the medium with it. */
const filesAtOnce = 64;

/**
 * Makes the files: under its final name each is whole, also after a power cut. Their directories are left to be flushed.
 * @throws store-full, store-io; what had been renamed by then stays, temporaries do not
 */
export function makeFiles(label: string, files: readonly NewFile[]): void {
  for (let i = 0; i < files.length; i += filesAtOnce) makeBatch(label, files.slice(i, i + filesAtOnce));
}

function makeBatch(label: string, files: readonly NewFile[]): void {
  const open: { fd: number; file: NewFile }[] = [];
  try {
    for (const file of files) {
      const fd = fs.openSync(file.temporary, 'wx', 0o644);
      open.push({ fd, file });
      writeAll(fd, file.bytes);
    }
    // Errors of writing back are reported to the descriptors that are open meanwhile, so each file is asked for its own.
    for (const { fd } of open) fs.fdatasyncSync(fd);
    for (const { file } of open) fs.renameSync(file.temporary, file.file);
  } catch (thrown) {
    for (const { file } of open) fs.rmSync(file.temporary, { force: true });
    throw storeError(label, 'writing', thrown);
  } finally {
    for (const { fd } of open) fs.closeSync(fd);
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += fs.writeSync(fd, bytes, done);
}

/**
 * Which of the files are there and not empty. The time of those is renewed that was last changed before `renewBeforeMs`.
 * @throws store-io
 */
export function findFiles(label: string, files: readonly string[], renewBeforeMs: number): boolean[] {
  try {
    return files.map((file) => {
      const stats = fs.statSync(file, { throwIfNoEntry: false });
      if (stats === undefined || stats.size === 0) return false;
      return stats.mtimeMs >= renewBeforeMs || renew(file);
    });
  } catch (thrown) {
    throw storeError(label, 'looking for chunks', thrown);
  }
}

/** False when it has been deleted meanwhile. Garbage collection looks at the time again after it has taken a chunk away: it sees this, or this fails. */
function renew(file: string): boolean {
  try {
    const now = Date.now() / 1000;
    fs.utimesSync(file, now, now);
    return true;
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return false;
    throw thrown;
  }
}
