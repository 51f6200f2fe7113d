// Chunks one after another, 36 bytes each: what garbage collection is about to delete.
import type { Digest } from './chunk-store.ts';

export type ListedChunk = { readonly digest: Digest; readonly storedBytes: number };

const digestBytes = 32;
const recordBytes = digestBytes + 4;
const pageRecords = 4096;

export class ChunkList {
  readonly #pages: Buffer[] = [];
  #length = 0;

  push({ digest, storedBytes }: ListedChunk): void {
    const at = (this.#length % pageRecords) * recordBytes;
    if (at === 0) this.#pages.push(Buffer.alloc(recordBytes * pageRecords));
    const page = this.#pages.at(-1) as Buffer;
    page.write(digest, at, digestBytes, 'hex');
    page.writeUInt32LE(storedBytes, at + digestBytes);
    this.#length++;
  }

  /** In the order pushed, `size` at a time. */
  *batches(size: number): Generator<ListedChunk[]> {
    for (let i = 0; i < this.#length; i += size) {
      yield Array.from({ length: Math.min(size, this.#length - i) }, (_, k) => this.#at(i + k));
    }
  }

  #at(index: number): ListedChunk {
    const page = this.#pages[Math.floor(index / pageRecords)] as Buffer;
    const at = (index % pageRecords) * recordBytes;
    return {
      digest: page.toString('hex', at, at + digestBytes),
      storedBytes: page.readUInt32LE(at + digestBytes),
    };
  }
}
