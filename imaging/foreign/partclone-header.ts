// The header of a partclone image, versions 0001 and 0002: which blocks it holds and how they are guarded.
// Layout: https://github.com/Thomas-Tsai/partclone/blob/master/IMAGE_FORMATS.md
import { crc32 } from 'node:zlib';
import { DeployError } from '../../protocol/errors.ts';
import type { SequentialReader } from './sequential-reader.ts';

export const partcloneMagic = Buffer.from('partclone-image');

export type PartcloneHeader = {
  readonly version: 1 | 2;
  /** As partclone calls it: EXTFS, NTFS, … */
  readonly fileSystem: string;
  /** The partclone that wrote it; null in version 1. */
  readonly writer: string | null;
  readonly deviceBytes: number;
  readonly blocks: number;
  readonly blockBytes: number;
  /** Version 1 by a mistake sums up nothing but a block's first byte, as often as the block is long. */
  readonly checksum: 'none' | 'crc32' | 'xxh64' | 'crc32-first-byte';
  /** 0 where there are no checksums. */
  readonly blocksPerChecksum: number;
  /** Whether each checksum begins anew, or goes on from the one before. */
  readonly reseed: boolean;
  readonly bitmap: 'bits' | 'bytes' | 'none';
};

const maxBlockBytes = 32 * 2 ** 20;
const commonBytes = 36;

/** partclone's CRC-32 is the usual one without the final inversion. */
export function crcOf(bytes: Uint8Array, before = 0xffffffff): number {
  return (crc32(bytes, (before ^ 0xffffffff) >>> 0) ^ 0xffffffff) >>> 0;
}

/** @throws import-corrupt, import-unsupported */
export async function readPartcloneHeader(stream: SequentialReader): Promise<PartcloneHeader> {
  const start = await stream.read(commonBytes);
  if (!start.subarray(0, partcloneMagic.length).equals(partcloneMagic)) {
    throw new DeployError('import-unsupported', `${stream.label} does not begin as a partclone image`);
  }
  const version = start.toString('latin1', 30, 34);
  if (version === '0001') return checked(stream.label, readVersion1(start, await stream.read(4160 - commonBytes)));
  if (version === '0002') return checked(stream.label, readVersion2(stream.label, start, await stream.read(74)));
  throw new DeployError(
    'import-unsupported',
    `${stream.label} is a partclone image of version '${version}'; known are 0001 and 0002`,
  );
}

function readVersion1(start: Buffer, rest: Buffer): PartcloneHeader {
  const deviceBytes = Number(rest.readBigUInt64LE(4));
  const blocks = Number(rest.readBigUInt64LE(12));
  const layout = { checksum: 'crc32-first-byte', blocksPerChecksum: 1, reseed: false, bitmap: 'bytes' } as const;
  const blockBytes = rest.readUInt32LE(0);
  return { version: 1, writer: null, fileSystem: textOf(start, 15, 30), deviceBytes, blocks, blockBytes, ...layout };
}

/** Offsets are those of the documentation less the 36 bytes before. */
function readVersion2(label: string, start: Buffer, rest: Buffer): PartcloneHeader {
  const endianness = start.readUInt16LE(34);
  if (endianness !== 0xc0de) throw unsupported(label, 'was written on a big-endian machine, or is damaged');
  if (crcOf(Buffer.concat([start, rest.subarray(0, 70)])) !== rest.readUInt32LE(70)) {
    throw corrupt(label, 'its header does not match its checksum');
  }
  if (rest.readUInt32LE(52) !== 18) throw unsupported(label, 'has a longer header than is known');
  // The documentation counts them 0, 1, 2; partclone writes these.
  const checksum = ({ 0: 'none', 32: 'crc32', 48: 'xxh64' } as const)[rest.readUInt16LE(60)];
  const bitmap = ({ 0: 'none', 1: 'bits', 8: 'bytes' } as const)[rest.readUInt8(69)];
  if (checksum === undefined) throw unsupported(label, `has checksums of kind ${rest.readUInt16LE(60)}`);
  if (bitmap === undefined) throw unsupported(label, `has a block list of kind ${rest.readUInt8(69)}`);
  return {
    version: 2,
    writer: textOf(start, 16, 30),
    fileSystem: textOf(rest, 0, 16),
    deviceBytes: Number(rest.readBigUInt64LE(16)),
    blocks: Number(rest.readBigUInt64LE(24)),
    blockBytes: rest.readUInt32LE(48),
    checksum,
    blocksPerChecksum: checksum === 'none' ? 0 : rest.readUInt32LE(64),
    reseed: rest.readUInt8(68) !== 0,
    bitmap,
  };
}

function textOf(bytes: Buffer, from: number, to: number): string {
  const text = bytes.toString('latin1', from, to);
  const end = text.indexOf('\0');
  return (end < 0 ? text : text.slice(0, end)).replace(/[^\x20-\x7e]/g, '?');
}

function checked(label: string, header: PartcloneHeader): PartcloneHeader {
  const { blockBytes, blocks, deviceBytes, checksum, blocksPerChecksum } = header;
  const fits =
    blockBytes >= 512 &&
    blockBytes <= maxBlockBytes &&
    blockBytes % 512 === 0 &&
    blocks > 0 &&
    blocks * blockBytes <= Number.MAX_SAFE_INTEGER &&
    deviceBytes <= Number.MAX_SAFE_INTEGER &&
    (checksum === 'none' || blocksPerChecksum > 0);
  if (!fits) throw corrupt(label, `it speaks of ${blocks} blocks of ${blockBytes} bytes`);
  return header;
}

export function corrupt(label: string, why: string): DeployError {
  return new DeployError('import-corrupt', `${label} is damaged: ${why}`, {
    hint: 'Copy it again from where it was made, or make the image again.',
  });
}

export function unsupported(label: string, why: string): DeployError {
  return new DeployError('import-unsupported', `${label} ${why}`);
}
