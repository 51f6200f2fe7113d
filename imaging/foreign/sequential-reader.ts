// A stream read in the portions that a format asks for: the way into images that can only be read from front to back.
import { DeployError } from '../../protocol/errors.ts';

export class SequentialReader {
  readonly label: string;
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();
  /** Bytes read so far. */
  offsetBytes = 0;

  constructor(label: string, source: AsyncIterable<Uint8Array>) {
    this.label = label;
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Exactly `lengthBytes` bytes. @throws import-corrupt when the stream ends before */
  async read(lengthBytes: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafeSlow(lengthBytes);
    const done = await this.#fill(bytes);
    if (done < lengthBytes) {
      throw new DeployError('import-corrupt', `${this.label} is cut short: it ends at byte ${this.offsetBytes}`, {
        hint: 'Copy it again from where it was made; a part of a split image may be missing.',
      });
    }
    return bytes;
  }

  /** Up to `lengthBytes` bytes; fewer only where the stream ends. */
  async readSome(lengthBytes: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafeSlow(lengthBytes);
    return bytes.subarray(0, await this.#fill(bytes));
  }

  /** The next bytes, up to `lengthBytes`, without reading past them. */
  async peek(lengthBytes: number): Promise<Buffer> {
    const bytes = await this.readSome(lengthBytes);
    this.#rest = Buffer.concat([bytes, this.#rest]);
    this.offsetBytes -= bytes.length;
    return bytes;
  }

  async #fill(bytes: Buffer): Promise<number> {
    let done = 0;
    while (done < bytes.length) {
      if (this.#rest.length === 0) {
        const next = await this.#source.next();
        if (next.done === true) break;
        this.#rest = next.value;
      }
      const part = this.#rest.subarray(0, bytes.length - done);
      bytes.set(part, done);
      done += part.length;
      this.#rest = this.#rest.subarray(part.length);
    }
    this.offsetBytes += done;
    return done;
  }

  /** Ends the stream, read to its end or not. */
  async close(): Promise<void> {
    await this.#source.return?.();
  }
}
