// What a check of a store is asked, and what it answers: here, and through a server.
import type { SealingKeys } from '../crypt/data-key.ts';
import type { RunOptions } from '../progress.ts';
import type { DamagedImage, StoreProblem } from './check-report.ts';

/** Digests are evenly spread: those from one fraction of their range to another are a part of every image. */
export type StorePart = { readonly from: number; readonly to: number };

export type CheckStoreOptions = RunOptions & {
  /** Which chunks are read; all are looked for. */
  readonly part?: StorePart;
  /** Move damaged chunks aside, so that the next capture of the same content sends them anew. */
  readonly repair?: boolean;
  /** What these sealed is opened, which nobody without them can make or change; without, a checksum tells of decay only. */
  readonly keys?: SealingKeys;
  readonly workers?: number;
};

export type CheckStoreResult = {
  readonly images: number;
  readonly chunks: number;
  /** Of `chunks`, those that were read. */
  readonly checkedChunks: number;
  readonly checkedBytes: number;
  /** Chunks that no image names: left by deleted images or captures that did not finish. Harmless. */
  readonly unreferenced: number;
  /** Files that interrupted writers left. Harmless. */
  readonly temporaryFiles: number;
  readonly problems: readonly StoreProblem[];
  readonly problemCount: number;
  readonly damagedImages: readonly DamagedImage[];
  /** Images that lacked a chunk which was set aside earlier and has been captured again since. */
  readonly wholeAgain: readonly string[];
};
