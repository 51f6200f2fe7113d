// A device that may fail to read: what cannot be read is an answer here, not an error.
import { constants, type FileHandle, open } from 'node:fs/promises';
import { DeployError } from '../../protocol/errors.ts';
import { allocateArena } from '../chunk/arena.ts';
import { errnoOf } from '../chunk/device-io.ts';

const pageBytes = 4096;
const goneCodes = new Set(['ENXIO', 'ENODEV', 'ENOMEDIUM', 'ESTALE']);

export type ReadAttempt = (into: Buffer, offsetBytes: number) => Promise<boolean>;

export class FailingDevice {
  readonly sectorSizeBytes: number;
  readonly #handle: FileHandle;
  readonly #label: string;
  /** Page-aligned, as reads past the page cache want it. */
  readonly #buffer: Buffer;

  constructor(handle: FileHandle, label: string, sectorSizeBytes: number, largestReadBytes: number) {
    this.#handle = handle;
    this.#label = label;
    this.sectorSizeBytes = sectorSizeBytes;
    [this.#buffer = Buffer.alloc(0)] = allocateArena(1, largestReadBytes + 2 * pageBytes);
  }

  /** Fills `into` from `offsetBytes`; answers false, with `into` as it was, when the device cannot. @throws source-vanished */
  async tryRead(into: Buffer, offsetBytes: number): Promise<boolean> {
    const from = offsetBytes - (offsetBytes % this.sectorSizeBytes);
    const to = Math.ceil((offsetBytes + into.length) / this.sectorSizeBytes) * this.sectorSizeBytes;
    for (let done = 0; done < to - from; ) {
      const count = await this.#readOnce(done, to - from - done, from + done);
      if (count === null) return false;
      done += count;
    }
    into.set(this.#buffer.subarray(offsetBytes - from, offsetBytes - from + into.length));
    return true;
  }

  async #readOnce(at: number, lengthBytes: number, offsetBytes: number): Promise<number | null> {
    try {
      const { bytesRead } = await this.#handle.read(this.#buffer, at, lengthBytes, offsetBytes);
      if (bytesRead > 0) return bytesRead;
    } catch (cause) {
      if (!goneCodes.has(errnoOf(cause) ?? '')) return null;
      throw new DeployError('source-vanished', `${this.#label} has gone while it was read`, {
        cause,
        hint: 'Check its cable and power; a disk that leaves under load may come back after it has cooled down.',
      });
    }
    throw new DeployError('source-vanished', `reading ${this.#label}: it ends at byte ${offsetBytes}`);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** Past the page cache where that can be done: the cache reads pages, and one bad sector would cost its neighbours. */
export async function openFailingDevice(
  path: string,
  label: string,
  sectorSizeBytes: number,
  largestReadBytes: number,
): Promise<FailingDevice> {
  const direct = await open(path, constants.O_RDONLY | constants.O_DIRECT).catch(() => null);
  const handle = direct ?? (await open(path, 'r'));
  return new FailingDevice(handle, label, sectorSizeBytes, largestReadBytes);
}
