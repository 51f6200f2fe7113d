// The recipe of an import: a disk file or an image of another kind becomes an image here, by way of a scratch disk where it cannot be read in place.
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { DeployError, toDeployError } from '../protocol/errors.ts';
import { openReader } from './blockdev/open-reader.ts';
import { type CaptureResult, captureImage, checkNameFree } from './capture.ts';
import type { DiskMap } from './disk-map.ts';
import { compressionOf, openStream, readStart } from './foreign/open-stream.ts';
import { partcloneMagic } from './foreign/partclone-header.ts';
import { qcow2Magic } from './foreign/qcow2-header.ts';
import { openScratchDisk, type ScratchDisk } from './foreign/scratch-disk.ts';
import { SequentialReader } from './foreign/sequential-reader.ts';
import { listParts } from './foreign/source-files.ts';
import { type UnpackedFolder, unpackFolder } from './foreign/unpack-folder.ts';
import { unpackQcow2 } from './foreign/unpack-qcow2.ts';
import { unpackPartition, unpackRaw } from './foreign/unpack-stream.ts';
import type { RunOptions } from './progress.ts';
import type { ChunkStore } from './store/chunk-store.ts';

export const importFormats = ['raw', 'qcow2', 'partclone'] as const;
export type ImportFormat = (typeof importFormats)[number];

export type ImportOptions = RunOptions & {
  /** A file (the first, where it is split), a folder of Clonezilla's or FOG's, or a stream. */
  readonly source: string | AsyncIterable<Uint8Array>;
  readonly imageName: string;
  readonly store: ChunkStore;
  /** What the source is; without it its first bytes tell. */
  readonly format?: ImportFormat;
  /** Where a source that cannot be read in place is unpacked; it wants room for the used bytes of the disk. */
  readonly scratchFolder?: string;
  readonly level?: number;
  readonly workers?: number;
  /** Also every byte outside of partitions, of a raw or qcow2 disk. */
  readonly unpartitioned?: boolean;
};

/** A folder of Clonezilla's or FOG's is known by its files. */
type FoundFormat = ImportFormat | UnpackedFolder['format'];

export type ImportResult = CaptureResult & { readonly format: FoundFormat };

/**
 * @throws import-unsupported, import-corrupt, scratch-full, device-not-found, and what a capture throws. No image is visible then,
 * and the scratch disk is gone.
 */
export async function importImage(options: ImportOptions): Promise<ImportResult> {
  const { source, store, imageName, signal } = options;
  const label = typeof source === 'string' ? source : 'the input';
  await checkNameFree(store, imageName, signal);
  const found = await openSource(label, options).catch((thrown: unknown) => {
    throw toDeployError(thrown).during(`importing ${label} as '${imageName}'`);
  });
  try {
    const { format, path, map } = found;
    const imported = { name: label, format, ...(map === undefined ? {} : { map }) };
    return { ...(await captureImage({ ...options, sourcePath: path, imported })), format };
  } finally {
    await found.scratch?.close();
  }
}

type Opened = {
  readonly format: FoundFormat;
  readonly path: string;
  readonly map?: DiskMap;
  readonly scratch?: ScratchDisk;
};

async function openSource(label: string, options: ImportOptions): Promise<Opened> {
  const { source } = options;
  if (typeof source !== 'string') return unpackStream(new SequentialReader(label, source), options);
  const stats = await stat(source).catch(() => null);
  if (stats?.isDirectory()) return unpackImageFolder(source, options);
  const start = stats?.isFile() ? await readStart(source, 16) : Buffer.alloc(0);
  const format = options.format ?? (start.subarray(0, 4).equals(qcow2Magic) ? 'qcow2' : undefined);
  if (format === 'qcow2') return unpackQcow2File(source, options);
  const parts = await listParts(source);
  const inPlace = parts.length === 1 && compressionOf(start) === null && !isPartclone(start);
  if (inPlace && format !== 'partclone') return { format: 'raw', path: source };
  return unpackStream(await openStream(source, parts), options);
}

async function unpackImageFolder(source: string, { scratchFolder, ...options }: ImportOptions): Promise<Opened> {
  const scratch = await openScratchDisk(scratchFolder ?? tmpdir());
  try {
    return { ...(await unpackFolder(source, scratch, options)), path: scratch.path, scratch };
  } catch (thrown) {
    await scratch.close();
    throw thrown;
  }
}

function isPartclone(start: Buffer): boolean {
  return start.subarray(0, partcloneMagic.length).equals(partcloneMagic);
}

async function unpackQcow2File(source: string, options: ImportOptions): Promise<Opened> {
  const file = await openReader(source);
  try {
    return await intoScratch('qcow2', options, (scratch) => unpackQcow2(file, scratch, options));
  } finally {
    await file.close();
  }
}

async function unpackStream(stream: SequentialReader, options: ImportOptions): Promise<Opened> {
  try {
    const start = await stream.peek(partcloneMagic.length);
    if (start.subarray(0, 4).equals(qcow2Magic) || options.format === 'qcow2') {
      throw new DeployError('import-unsupported', `${stream.label} is a qcow2 stream: it must be a plain file`, {
        hint: 'Its tables point forward and back: write it to a file first, decompressed.',
      });
    }
    const format = options.format ?? (isPartclone(start) ? 'partclone' : 'raw');
    return await intoScratch(format, options, async (scratch) => {
      if (format === 'partclone') return unpackPartition(stream, scratch, options);
      await unpackRaw(stream, scratch, options);
      return undefined;
    });
  } finally {
    await stream.close();
  }
}

async function intoScratch(
  format: ImportFormat,
  { scratchFolder }: ImportOptions,
  unpack: (scratch: ScratchDisk) => Promise<DiskMap | undefined>,
): Promise<Opened> {
  const scratch = await openScratchDisk(scratchFolder ?? tmpdir());
  try {
    const map = await unpack(scratch);
    return { format, path: scratch.path, scratch, ...(map === undefined ? {} : { map }) };
  } catch (thrown) {
    await scratch.close();
    throw thrown;
  }
}
