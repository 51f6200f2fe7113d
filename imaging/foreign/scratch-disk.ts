// The disk that an import puts together before it is captured: a sparse file, gone afterwards.
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import path from 'node:path';
import { DeployError } from '../../protocol/errors.ts';
import { writeAll } from '../blockdev/whole-transfers.ts';

/** Neighbouring writes are gathered up to this much. */
const gatherBytes = 2 ** 20;

export class ScratchDisk {
  readonly path: string;
  readonly #folder: string;
  readonly #handle: FileHandle;
  #parts: Buffer[] = [];
  #partsAt = 0;
  #partsBytes = 0;

  constructor(folder: string, filePath: string, handle: FileHandle) {
    this.#folder = folder;
    this.path = filePath;
    this.#handle = handle;
  }

  /** `bytes` belong to the disk from then on: they are written later. @throws scratch-full, when there is no room for it */
  async write(offsetBytes: number, bytes: Buffer): Promise<void> {
    if (offsetBytes !== this.#partsAt + this.#partsBytes || this.#partsBytes >= gatherBytes) await this.flush();
    if (this.#parts.length === 0) this.#partsAt = offsetBytes;
    this.#parts.push(bytes);
    this.#partsBytes += bytes.length;
  }

  /** Returns when everything written can be read from the file. */
  async flush(): Promise<void> {
    const bytes = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#partsBytes = 0;
    await this.#asScratchError(() => writeAll(this.#handle, bytes, this.#partsAt));
  }

  /** Sets the size of the disk; what was not written reads as zeros. */
  async resize(sizeBytes: number): Promise<void> {
    await this.flush();
    await this.#asScratchError(() => this.#handle.truncate(sizeBytes));
  }

  async #asScratchError(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      throw scratchError(this.#folder, thrown);
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** A new one in `folder`. @throws scratch-full */
export async function openScratchDisk(folder: string): Promise<ScratchDisk> {
  try {
    const own = await mkdtemp(path.join(folder, 'deploy-os-import-'));
    const filePath = path.join(own, 'disk');
    return new ScratchDisk(own, filePath, await open(filePath, 'wx', 0o600));
  } catch (thrown) {
    throw scratchError(folder, thrown);
  }
}

function scratchError(folder: string, thrown: unknown): DeployError {
  const why = thrown instanceof Error ? thrown.message : String(thrown);
  return new DeployError('scratch-full', `unpacking into ${folder}: ${why}`, {
    cause: thrown,
    hint: 'An import needs room for the used bytes of the disk; name a folder that has it with --scratch.',
  });
}
