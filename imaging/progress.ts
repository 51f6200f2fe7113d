// How the recipes (capture, restore, verify) say how far they are; the command line draws it, the agent reports it.

import type { Pause } from './pause.ts';

export type ProgressPhase =
  | 'map'
  | 'unpack'
  | 'capture'
  | 'prepare'
  | 'discard'
  | 'sanitize'
  | 'script'
  | 'write'
  | 'flush'
  | 'read-back'
  | 'finish'
  | 'verify'
  | 'export'
  | 'compare';

export type Progress = {
  readonly phase: ProgressPhase;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  /** Bytes that went to or came from the store so far, compressed. */
  readonly bytesTransferred: number;
  /** Of a disk with bad sectors: what could not be read so far. */
  readonly bytesLost?: number;
};

/** What every recipe takes: where to report to, how to be stopped, and how to stand still for a while. `onProgress` is called often and must be cheap. */
export type RunOptions = {
  readonly onProgress?: (progress: Progress) => void;
  readonly onWarning?: (message: string) => void;
  readonly signal?: AbortSignal;
  readonly pause?: Pause;
};
