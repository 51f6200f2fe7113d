// Opens a block device or a regular file for random reads: the first step of a map, a capture and a read-back.
import type { Stats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { DeployError } from '../../protocol/errors.ts';
import type { ByteReader } from './byte-reader.ts';
import { outOfRange } from './byte-reader.ts';
import { readHardware } from './hardware.ts';
import { findByNumber, formatMajorMinor, readGeometry, type SysfsDevice } from './sysfs.ts';

const goneCodes = new Set(['ENODEV', 'ENXIO', 'ENOENT', 'ENOMEDIUM']);

/** What stands at a file path that can hold a disk. */
export type DiskFile = {
  readonly kind: 'block' | 'file';
  readonly sizeBytes: number;
  readonly sectorSizeBytes: number;
  readonly label: string;
  /** Null for a regular file. */
  readonly device: SysfsDevice | null;
};

/**
 * Opens `path`, a block device or a regular file, read-only. A regular file counts as a disk of 512-byte sectors.
 * @throws DeployError device-not-found, invalid-input when it is neither or empty, source-read when it may not be opened.
 */
export async function openReader(path: string): Promise<ByteReader & { close(): Promise<void> }> {
  const facts = await describeDiskFile(path, await statDiskFile(path));
  if (facts.sizeBytes === 0) throw new DeployError('invalid-input', `${facts.label} holds no bytes`);
  const handle = await open(path, 'r').catch((thrown: unknown) => {
    throw openError(facts.label, thrown);
  });
  return {
    sizeBytes: facts.sizeBytes,
    sectorSizeBytes: facts.sectorSizeBytes,
    label: facts.label,
    read: (offsetBytes, lengthBytes) => readExactly(handle, facts, offsetBytes, lengthBytes),
    close: () => handle.close(),
  };
}

/** @throws DeployError device-not-found when nothing is there, invalid-input for what can be no disk (directory, character device, FIFO). */
export async function statDiskFile(path: string): Promise<Stats> {
  const stats = await stat(path).catch((thrown: unknown) => {
    throw openError(path, thrown);
  });
  if (stats.isBlockDevice() || stats.isFile()) return stats;
  const what = stats.isDirectory()
    ? 'a directory'
    : stats.isCharacterDevice()
      ? 'a character device'
      : 'a FIFO or socket';
  throw new DeployError('invalid-input', `${path} is ${what}, no block device or regular file`);
}

/** Size, sector size and the words for what `stats` found at `path`. */
export async function describeDiskFile(path: string, stats: Stats): Promise<DiskFile> {
  if (!stats.isBlockDevice()) {
    return { kind: 'file', sizeBytes: stats.size, sectorSizeBytes: 512, label: path, device: null };
  }
  const device = await findByNumber('/', formatMajorMinor(stats.rdev));
  if (device === null) throw new DeployError('device-not-found', `${path} is a block device the kernel does not know`);
  const geometry = await readGeometry(device);
  const { model, serial } = await readHardware('/', device);
  const known = [model, serial === null ? null : `serial ${serial}`, formatSize(geometry.sizeBytes)].filter(
    (part) => part !== null,
  );
  return { kind: 'block', ...geometry, label: `${path} (${known.join(', ')})`, device };
}

function formatSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1024 ? 0 : Math.min(4, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

function openError(label: string, thrown: unknown): DeployError {
  const { code, message } = thrown as NodeJS.ErrnoException;
  if (goneCodes.has(code ?? '') || code === 'ENOTDIR') {
    return new DeployError('device-not-found', `${label}: no such device, medium or file`, { cause: thrown });
  }
  const hint = code === 'EACCES' || code === 'EPERM' ? { hint: 'Run as root.' } : {};
  return new DeployError('source-read', `opening ${label}: ${message}`, { cause: thrown, ...hint });
}

async function readExactly(
  handle: FileHandle,
  facts: DiskFile,
  offsetBytes: number,
  lengthBytes: number,
): Promise<Buffer> {
  if (offsetBytes < 0 || lengthBytes < 0 || offsetBytes + lengthBytes > facts.sizeBytes) {
    throw outOfRange(facts.label, offsetBytes, lengthBytes, facts.sizeBytes);
  }
  const bytes = Buffer.allocUnsafeSlow(lengthBytes);
  let done = 0;
  while (done < lengthBytes) {
    const result = await handle
      .read(bytes, done, lengthBytes - done, offsetBytes + done)
      .catch((thrown: unknown) => thrown);
    if (!isReadResult(result))
      throw await readError(handle, facts, offsetBytes + done, offsetBytes + lengthBytes, result);
    if (result.bytesRead === 0)
      throw await readError(handle, facts, offsetBytes + done, offsetBytes + lengthBytes, null);
    done += result.bytesRead;
  }
  return bytes;
}

function isReadResult(value: unknown): value is { bytesRead: number } {
  return typeof value === 'object' && value !== null && 'bytesRead' in value;
}

/** Names the device and the first sector that cannot be read; a device that has left the machine is told from a bad sector. */
async function readError(
  handle: FileHandle,
  facts: DiskFile,
  from: number,
  to: number,
  thrown: unknown,
): Promise<DeployError> {
  const { code, message } = (thrown ?? { code: 'short', message: 'the device ends here' }) as NodeJS.ErrnoException;
  const gone = facts.device !== null && (await findByNumber('/', facts.device.majorMinor)) === null;
  if (gone || goneCodes.has(code ?? '')) {
    return new DeployError('source-vanished', `${facts.label} has gone while it was read`, {
      cause: thrown,
      hint: 'Check its cable and power; nothing was written to it.',
    });
  }
  const sector = Math.floor((await firstBadByte(handle, from, to, facts.sectorSizeBytes)) / facts.sectorSizeBytes);
  return new DeployError('source-read', `reading ${facts.label}, sector ${sector}: ${message}`, { cause: thrown });
}

/** Where in a failed range the fault lies, by reading it sector by sector (at most 1024 of them). */
async function firstBadByte(handle: FileHandle, from: number, to: number, sectorBytes: number): Promise<number> {
  const sector = Buffer.alloc(sectorBytes);
  const last = Math.min(to, from + 1024 * sectorBytes);
  for (let at = from - (from % sectorBytes); at < last; at += sectorBytes) {
    const result = await handle.read(sector, 0, sectorBytes, at).catch(() => null);
    if (result === null || result.bytesRead < sectorBytes) return at;
  }
  return from;
}
