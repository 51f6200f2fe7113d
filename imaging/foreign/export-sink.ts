// Where an export goes: a new file, which has its name only when it is whole and durable; or a stream.
import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Writable } from 'node:stream';
import { DeployError } from '../../protocol/errors.ts';
import type { Piece } from './pieces.ts';

export type ExportSink = {
  write(piece: Piece): Promise<void>;
  /** Makes what was written visible and durable. */
  finish(): Promise<void>;
  /** Leaves nothing behind, unless `finish` has returned. */
  close(): Promise<void>;
};

/** @throws target-exists, device-not-found (no such folder), target-write */
export async function openFileSink(filePath: string): Promise<ExportSink> {
  await refuseExisting(filePath);
  const temporary = path.join(path.dirname(filePath), `.${path.basename(filePath)}.${randomUUID()}`);
  const handle = await open(temporary, 'wx', 0o644).catch((thrown: unknown) => {
    throw writeError(filePath, thrown, 'making');
  });
  return new FileSink(filePath, temporary, handle);
}

/** A disk is no file to be replaced, and a file that is there may be somebody's only copy. */
async function refuseExisting(filePath: string): Promise<void> {
  const stats = await stat(filePath).catch(() => null);
  if (stats === null) return;
  const hint = stats.isBlockDevice()
    ? 'To write an image onto a disk use `deploy-os image restore`.'
    : 'Choose another name, or remove that file first.';
  throw new DeployError('target-exists', `${filePath} is there already; an export makes a new file`, { hint });
}

function writeError(filePath: string, thrown: unknown, doing = 'writing'): DeployError {
  const why = thrown instanceof Error ? thrown.message : String(thrown);
  return new DeployError('target-write', `${doing} ${filePath}: ${why}`, {
    cause: thrown,
    hint: 'Make room, or export to another place; the unfinished file has been removed.',
  });
}

class FileSink implements ExportSink {
  readonly #path: string;
  readonly #temporary: string;
  readonly #handle: FileHandle;
  #at = 0;
  #finished = false;

  constructor(filePath: string, temporary: string, handle: FileHandle) {
    this.#path = filePath;
    this.#temporary = temporary;
    this.#handle = handle;
  }

  async write(piece: Piece): Promise<void> {
    if ('zeroBytes' in piece) {
      this.#at += piece.zeroBytes;
      return;
    }
    await this.#asWriteError(async () => {
      for (let done = 0; done < piece.bytes.length; ) {
        const { bytesWritten } = await this.#handle.write(piece.bytes, done, piece.bytes.length - done, this.#at);
        done += bytesWritten;
        this.#at += bytesWritten;
      }
    });
  }

  async finish(): Promise<void> {
    await this.#asWriteError(async () => {
      await this.#handle.truncate(this.#at);
      await this.#handle.sync();
    });
    await refuseExisting(this.#path);
    await this.#asWriteError(async () => {
      await rename(this.#temporary, this.#path);
      this.#finished = true;
      await using folder = await open(path.dirname(this.#path), 'r');
      await folder.sync();
    });
  }

  async #asWriteError(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      throw writeError(this.#path, thrown);
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
    if (!this.#finished) await rm(this.#temporary, { force: true });
  }
}

const zeros = Buffer.alloc(2 ** 20);

/** `stream` is not ended: it may be the process's own. @throws target-write when its reader has gone */
export function openStreamSink(stream: Writable): ExportSink {
  // The error is also given to the write that met it; without a listener it would end the process.
  const ignore = () => {};
  stream.on('error', ignore);
  const write = (bytes: Uint8Array) =>
    new Promise<void>((resolve, reject) => {
      stream.write(bytes, (error) => {
        if (error) {
          const cause = { cause: error, hint: 'The program that reads the output has ended.' };
          reject(new DeployError('target-write', `writing the output: ${error.message}`, cause));
        } else resolve();
      });
    });
  return {
    async write(piece) {
      if ('bytes' in piece) await write(piece.bytes);
      else {
        for (let left = piece.zeroBytes; left > 0; left -= zeros.length) {
          await write(left < zeros.length ? zeros.subarray(0, left) : zeros);
        }
      }
    },
    finish: async () => {},
    close: async () => {
      stream.off('error', ignore);
    },
  };
}
