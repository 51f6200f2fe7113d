// Files as they lie about, split and compressed, as one stream of what is in them.
import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { DeployError, toDeployError } from '../../protocol/errors.ts';
import { readUpTo } from '../blockdev/whole-transfers.ts';
import { SequentialReader } from './sequential-reader.ts';

const readAtOnceBytes = 2 ** 20;

type Compression = { readonly name: string; readonly magic: string; readonly tool?: readonly string[] };

const compressions: readonly Compression[] = [
  { name: 'gzip', magic: '1f8b' },
  { name: 'zstd', magic: '28b52ffd' },
  { name: 'xz', magic: 'fd377a585a00', tool: ['xz', '-dc'] },
  { name: 'bzip2', magic: '425a68', tool: ['bzip2', '-dc'] },
  { name: 'lz4', magic: '04224d18', tool: ['lz4', '-dc'] },
  { name: 'lzip', magic: '4c5a4950', tool: ['lzip', '-dc'] },
];

/** How the file that begins with `start` is compressed, or null. */
export function compressionOf(start: Buffer): string | null {
  return findCompression(start)?.name ?? null;
}

function findCompression(start: Buffer): Compression | undefined {
  const hex = start.toString('hex', 0, 8);
  return compressions.find(({ magic }) => hex.startsWith(magic));
}

/** The first bytes of a file, for a look at what it is. */
export async function readStart(filePath: string, lengthBytes: number): Promise<Buffer> {
  try {
    await using handle = await open(filePath, 'r');
    const start = Buffer.alloc(lengthBytes);
    return start.subarray(0, await readUpTo(handle, start, 0));
  } catch (thrown) {
    throw readError(filePath, thrown);
  }
}

/** `files` one after the other, decompressed if their beginning says that they are compressed. */
export async function openStream(label: string, files: readonly string[]): Promise<SequentialReader> {
  const found = findCompression(await readStart(files[0] ?? label, 8));
  const bytes = concatenate(files);
  return new SequentialReader(label, found === undefined ? bytes : decompress(label, bytes, found));
}

async function* concatenate(files: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const file of files) {
    try {
      yield* createReadStream(file, { highWaterMark: readAtOnceBytes });
    } catch (thrown) {
      throw readError(file, thrown);
    }
  }
}

function readError(filePath: string, thrown: unknown): DeployError {
  const error = toDeployError(thrown, 'source-read');
  const gone = (thrown as { code?: unknown }).code === 'ENOENT';
  return new DeployError(gone ? 'device-not-found' : error.code, `reading ${filePath}: ${error.message}`, {
    cause: thrown,
  });
}

function decompress(label: string, bytes: AsyncIterable<Uint8Array>, { name, tool }: Compression) {
  if (tool !== undefined) return throughTool(label, bytes, tool);
  const into = name === 'gzip' ? createGunzip({ chunkSize: readAtOnceBytes }) : zstdStream();
  return outputOf(label, name, pipeline(bytes, into), into);
}

const zstdStream = () => createZstdDecompress({ chunkSize: readAtOnceBytes });

/** What comes out; an error of the way in is the error of the stream. */
async function* outputOf(
  label: string,
  name: string,
  feeding: Promise<void>,
  out: Readable,
): AsyncGenerator<Uint8Array> {
  feeding.catch(() => {});
  try {
    yield* out;
    await feeding;
  } catch (thrown) {
    if (thrown instanceof DeployError) throw thrown;
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    throw new DeployError('import-corrupt', `${label} does not decompress (${name}): ${why}`, {
      cause: thrown,
      hint: 'It is damaged or cut short: copy it again from where it was made.',
    });
  }
}

async function* throughTool(
  label: string,
  bytes: AsyncIterable<Uint8Array>,
  [program = '', ...args]: readonly string[],
): AsyncGenerator<Uint8Array> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (text) => {
    complaint = `${complaint}${String(text)}`.slice(-1000);
  });
  const ended = new Promise<void>((resolve, reject) => {
    child.on('error', () => reject(missingTool(label, program)));
    child.on('close', (status) => {
      if (status === 0) resolve();
      else reject(new Error(complaint.trim() || `${program} ended with status ${status}`));
    });
  });
  const fed = pipeline(bytes, child.stdin).catch((thrown: unknown) => {
    // A tool that ends early closes its pipe; why it did says more.
    if ((thrown as { code?: unknown }).code !== 'EPIPE') throw thrown;
  });
  try {
    yield* outputOf(
      label,
      program,
      Promise.all([ended, fed]).then(() => {}),
      child.stdout,
    );
  } finally {
    child.kill();
  }
}

function missingTool(label: string, program: string): DeployError {
  return new DeployError('import-unsupported', `${label} is compressed with ${program}, which is not installed`, {
    hint: `Install ${program}, or decompress the file first.`,
  });
}
