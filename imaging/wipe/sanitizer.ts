// The way in which a disk erases itself, found by what it says of itself.

export type Sanitizer = {
  /** What is done, in words: `NVMe Format (user data erase)`. */
  readonly name: string;
  /** Returns when the disk says that it is done. It cannot be stopped. @throws target-write when the disk refuses or fails */
  readonly run: (options: { readonly onProgress: (fraction: number) => void }) => Promise<void>;
};
