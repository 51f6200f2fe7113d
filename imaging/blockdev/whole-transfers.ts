// Under everything that reads or writes a few bytes of an opened device or file: a system may move fewer bytes than it was asked to.
import type { FileHandle } from 'node:fs/promises';

/** Fills `into` from `offsetBytes` on and answers how much of it: less than all only where the file ends. */
export async function readUpTo(handle: FileHandle, into: Buffer, offsetBytes: number): Promise<number> {
  let done = 0;
  while (done < into.length) {
    const { bytesRead } = await handle.read(into, done, into.length - done, offsetBytes + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

/** Writes all of `bytes`, or throws what the system throws; also when it takes nothing any more. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array, offsetBytes: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, offsetBytes + done);
    if (bytesWritten === 0) throw nothingTaken();
    done += bytesWritten;
  }
}

/** Of a write that ended well and wrote nothing. */
export function nothingTaken(): Error {
  return Object.assign(new Error('it takes no more bytes'), { code: 'EIO' });
}
