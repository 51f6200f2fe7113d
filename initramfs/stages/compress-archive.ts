// Stage 6: one part of the initramfs as a compressed cpio. The kernel unpacks concatenated archives one after the other, so
// that a change of the agent compresses the agent alone.
import { createReadStream, createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress } from 'node:zlib';
import { type BuildCache, hashOf } from '../build-cache.ts';
import { writeCpio } from '../cpio.ts';
import type { FileTree } from '../file-tree.ts';

// Part of the key: a Node with another zstd may write other bytes for the same input.
const zstdVersion = process.versions.zstd ?? '';

export type CompressedPart = {
  readonly name: string;
  readonly path: string;
  readonly unpackedBytes: number;
  readonly cached: boolean;
};

export type CompressOptions = {
  readonly name: string;
  readonly tree: FileTree;
  /** Of zstd; `null` for what is compressed already. The kernel takes both kinds of archive side by side. */
  readonly level: number | null;
  readonly mtimeSeconds: number;
  readonly cache: BuildCache;
  readonly onBytes: (done: number, total: number) => void;
  readonly signal?: AbortSignal | undefined;
};

export async function compressPart(options: CompressOptions): Promise<CompressedPart> {
  const { name, tree, level, cache } = options;
  const archive = await writeCpio(tree.entries(), options.mtimeSeconds);
  const key = hashOf({ archive: hashOf(archive), level, zstdVersion });
  const { path, cached } = await cache.obtain('parts', `${key}.cpio${level === null ? '' : '.zst'}`, async (made) => {
    if (level === null) await writeFile(made, archive);
    else await compressTo(made, archive, level, options);
  });
  return { name, path, unpackedBytes: archive.length, cached };
}

async function compressTo(path: string, archive: Buffer, level: number, options: CompressOptions): Promise<void> {
  const { onBytes, signal } = options;
  const pieceBytes = 2 ** 18;
  const pieces = function* () {
    for (let at = 0; at < archive.length; at += pieceBytes) {
      yield archive.subarray(at, at + pieceBytes);
      onBytes(Math.min(at + pieceBytes, archive.length), archive.length);
    }
  };
  const { ZSTD_c_compressionLevel, ZSTD_c_checksumFlag } = constants;
  const zstd = createZstdCompress({
    params: { [ZSTD_c_compressionLevel]: level, [ZSTD_c_checksumFlag]: 1 },
    pledgedSrcSize: archive.length,
  });
  await pipeline(Readable.from(pieces(), { objectMode: false }), zstd, createWriteStream(path), { signal });
}

/** Concatenates parts, each padded to four bytes, as the kernel wants the next archive to begin. */
export async function concatenateParts(paths: readonly string[], to: string): Promise<void> {
  const pad = () => {
    let sizeBytes = 0;
    return new Transform({
      transform(piece: Buffer, _encoding, done) {
        sizeBytes += piece.length;
        done(null, piece);
      },
      flush(done) {
        done(null, Buffer.alloc((4 - (sizeBytes % 4)) % 4));
      },
    });
  };
  const all = async function* () {
    for (const path of paths) yield* createReadStream(path).pipe(pad());
  };
  await pipeline(all, createWriteStream(to));
}
