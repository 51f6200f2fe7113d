// What a check of a store is asked, and what it answers: here, and through a server.
import type { SealingKeys } from '../crypt/data-key.ts';
import type { RunOptions } from '../progress.ts';
import type { Findings } from './check-report.ts';
import type { Digest } from './chunk-store.ts';

/** Digests are evenly spread: those from one fraction of their range to another are a part of every image. */
export type StorePart = { readonly from: number; readonly to: number };
export const wholeStore: StorePart = { from: 0, to: 1 };

export function isInPart({ from, to }: StorePart, digest: Digest): boolean {
  const place = Number.parseInt(digest.slice(0, 8), 16) / 2 ** 32;
  return from <= place && place < to;
}

export type CheckStoreOptions = RunOptions & {
  /** Which chunks are read; all are looked for. */
  readonly part?: StorePart;
  /** Move damaged chunks aside, so that the next capture of the same content sends them anew. */
  readonly repair?: boolean;
  /** What these sealed is opened, which nobody without them can make or change; without, a checksum tells of decay only. */
  readonly keys?: SealingKeys;
  readonly workers?: number;
};

export type CheckStoreResult = Findings & {
  readonly images: number;
  readonly chunks: number;
  /** Of `chunks`, those that were read. */
  readonly checkedChunks: number;
  readonly checkedBytes: number;
  /** Chunks that no image names: left by deleted images or captures that did not finish. Harmless. */
  readonly unreferenced: number;
  /** Files that interrupted writers left. Harmless. */
  readonly temporaryFiles: number;
  /** Images that lacked a chunk which was set aside earlier and has been captured again since. */
  readonly wholeAgain: readonly string[];
};
