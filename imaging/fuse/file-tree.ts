// What a FUSE mount shows: one folder with files that are somewhere else (an image, an overlay) and empty folders to mount on.
import type { ByteReader } from '../blockdev/byte-reader.ts';

/** Bytes that can be read and, where `write` is there, written. */
export type ByteFile = Pick<ByteReader, 'sizeBytes' | 'read'> & {
  /** Writes all of `bytes`, which lie inside the file. */
  readonly write?: (offsetBytes: number, bytes: Uint8Array) => Promise<void>;
};

export type TreeEntry =
  | { readonly name: string; readonly file: ByteFile }
  | { readonly name: string; readonly folder: true };

export type FileTree = {
  readonly entries: readonly TreeEntry[];
  /** The time that every file bears. */
  readonly modifiedSeconds: number;
};
