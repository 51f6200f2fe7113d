// Gathers used blocks as a reader meets them and turns them into extents.
import { type Extent, mergeExtents } from '../extent.ts';

/** Runs of used blocks. Runs join a neighbour before them at once, so that the list stays as short as it can. */
export class BlockList {
  readonly #runs: { startBytes: number; lengthBytes: number }[] = [];
  readonly #blockBytes: number;
  #inOrder = true;

  constructor(blockBytes: number) {
    this.#blockBytes = blockBytes;
  }

  /** Marks the blocks from `first` up to, not including, `end`. */
  add(first: number, end: number): void {
    if (end <= first) return;
    const startBytes = first * this.#blockBytes;
    const lengthBytes = (end - first) * this.#blockBytes;
    const last = this.#runs.at(-1);
    if (last !== undefined && startBytes < last.startBytes + last.lengthBytes) this.#inOrder = false;
    const before = this.#findRunEndingAt(startBytes);
    if (before === undefined) this.#runs.push({ startBytes, lengthBytes });
    else before.lengthBytes += lengthBytes;
  }

  /** Metadata of neighbouring groups comes in turns (bitmap, inode bitmap, inode table), so more than the last run is looked at. */
  #findRunEndingAt(startBytes: number): { startBytes: number; lengthBytes: number } | undefined {
    for (let i = this.#runs.length - 1; i >= 0 && i >= this.#runs.length - 4; i--) {
      const run = this.#runs[i];
      if (run !== undefined && run.startBytes + run.lengthBytes === startBytes) return run;
    }
    return undefined;
  }

  /** The blocks as merged extents, in order. */
  toExtents(): Extent[] {
    return this.#inOrder ? this.#runs : mergeExtents(this.#runs);
  }
}

/**
 * Calls `onRun(first, end)` for every run of set bits among the first `bitCount` bits of `bitmap` (least significant bit
 * first) and returns how many are set. Words that are all alike cost one comparison.
 */
export function scanBitmap(bitmap: Buffer, bitCount: number, onRun: (first: number, end: number) => void): number {
  const aligned = bitmap.byteOffset % 4 === 0 ? bitmap : new Uint8Array(bitmap);
  const wordCount = Math.min(aligned.length >>> 2, Math.ceil(bitCount / 32));
  const words = new Uint32Array(aligned.buffer, aligned.byteOffset, wordCount);
  let set = 0;
  let runStart = -1;
  let carry = 0;
  const turn = (at: number): void => {
    if (runStart < 0) {
      runStart = at;
      return;
    }
    onRun(runStart, at);
    set += at - runStart;
    runStart = -1;
  };
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as number;
    // Each set bit is a place where the bitmap changes between used and free.
    let edges = word ^ ((word << 1) | carry);
    carry = word >>> 31;
    while (edges !== 0) {
      const at = i * 32 + 31 - Math.clz32(edges & -edges);
      if (at >= bitCount) break;
      turn(at);
      edges &= edges - 1;
    }
  }
  if (runStart >= 0) turn(bitCount);
  return set;
}
