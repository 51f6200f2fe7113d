// Stage 6: one part of the initramfs as a compressed cpio. The kernel unpacks concatenated archives one after the other, so
// that a change of the agent compresses the agent alone.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress } from 'node:zlib';
import { DeployError } from '../../protocol/errors.ts';
import { type BuildCache, hashOf } from '../build-cache.ts';
import { writeCpio } from '../cpio.ts';
import type { FileTree } from '../file-tree.ts';
import { runTool } from '../run-tool.ts';

// Part of the key: a Node with another zstd may write other bytes for the same input.
const zstdVersion = process.versions.zstd ?? '';

export type CompressedPart = {
  readonly name: string;
  readonly path: string;
  readonly unpackedBytes: number;
  readonly cached: boolean;
};

/** How a part is packed; `null` for what is compressed already. The kernel takes all kinds of archive side by side. */
export type Packing = { readonly zstdLevel: number } | { readonly xzFilter: string } | null;

/** For machine code: an eighth less than zstd makes of it. The kernel takes memory for the dictionary, and knows no other checksum than CRC32. */
const xzOptionsOf = (filter: string) => [filter, '--lzma2=preset=9e,dict=8MiB', '--check=crc32', '--threads=1'];

export type CompressOptions = {
  readonly name: string;
  readonly tree: FileTree;
  readonly packing: Packing;
  readonly mtimeSeconds: number;
  readonly cache: BuildCache;
  readonly onBytes: (done: number, total: number) => void;
  readonly signal?: AbortSignal | undefined;
};

export async function compressPart(options: CompressOptions): Promise<CompressedPart> {
  const { name, tree, packing, cache } = options;
  const archive = await writeCpio(tree.entries(), options.mtimeSeconds);
  const xzOptions = packing !== null && 'xzFilter' in packing ? xzOptionsOf(packing.xzFilter) : null;
  const packer = xzOptions === null ? { packing, zstdVersion } : { xzOptions, xzVersion: await xzVersion() };
  const key = hashOf({ archive: hashOf(archive), packer });
  const { path, cached } = await cache.obtain('parts', `${key}.cpio`, async (made) => {
    if (packing === null) await writeFile(made, archive);
    else if ('xzFilter' in packing) await compressByXz(made, archive, xzOptionsOf(packing.xzFilter), options);
    else await compressByZstd(made, archive, packing.zstdLevel, options);
  });
  return { name, path, unpackedBytes: archive.length, cached };
}

async function xzVersion(): Promise<string> {
  return await runTool('xz', ['--version'], { hint: 'install xz-utils' });
}

async function compressByXz(
  path: string,
  archive: Buffer,
  xzOptions: readonly string[],
  options: CompressOptions,
): Promise<void> {
  const { signal } = options;
  const xz = spawn('xz', [...xzOptions, '--stdout'], { stdio: ['pipe', 'pipe', 'inherit'], signal });
  const ended = once(xz, 'close');
  const [[status]] = await Promise.all([
    ended,
    pipeline(piecesOf(archive, options), xz.stdin, { signal }),
    pipeline(xz.stdout, createWriteStream(path), { signal }),
  ]);
  if (status !== 0) throw new DeployError('build-failed', `xz ended with status ${status}`);
}

/** Reports how far it is as it goes. */
function piecesOf(archive: Buffer, { onBytes }: CompressOptions): Readable {
  const pieceBytes = 2 ** 18;
  const pieces = function* () {
    for (let at = 0; at < archive.length; at += pieceBytes) {
      yield archive.subarray(at, at + pieceBytes);
      onBytes(Math.min(at + pieceBytes, archive.length), archive.length);
    }
  };
  return Readable.from(pieces(), { objectMode: false });
}

async function compressByZstd(path: string, archive: Buffer, level: number, options: CompressOptions): Promise<void> {
  const { ZSTD_c_compressionLevel, ZSTD_c_checksumFlag } = constants;
  const zstd = createZstdCompress({
    params: { [ZSTD_c_compressionLevel]: level, [ZSTD_c_checksumFlag]: 1 },
    pledgedSrcSize: archive.length,
  });
  await pipeline(piecesOf(archive, options), zstd, createWriteStream(path), { signal: options.signal });
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
