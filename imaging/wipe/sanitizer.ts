// A way in which a disk erases itself, found by what the disk says of itself.
import type { EraseWay } from './erase-ways.ts';

export type EraseRun = {
  /** Right before the first command that changes anything. */
  readonly onBegin: () => void;
  readonly onProgress: (fraction: number) => void;
  readonly onWarning?: ((message: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
};

export type Sanitizer = {
  readonly way: EraseWay;
  /** What is done, in words: `NVMe Format (user data erase)`. */
  readonly name: string;
  /**
   * Returns when the disk says that it is done. Nothing stops it: a signal ends the wait where the disk can be asked meanwhile.
   * @throws DeployError target-write when the disk refuses or fails; cancelled
   */
  readonly run: (run: EraseRun) => Promise<void>;
};

export type EraseFacts = {
  /** Strongest first. */
  readonly sanitizers: readonly Sanitizer[];
  /** Why ways that the disk has cannot be used now, in words. */
  readonly hindrances: readonly string[];
};
