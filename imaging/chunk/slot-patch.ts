// A slot as what sets it apart from another chunk: the blocks that differ are all that is stored of it (docs/format.md, "Patch").
import { DeployError } from '../../protocol/errors.ts';
import type { Extent } from '../extent.ts';

/** File systems allocate in these, so that a change rarely touches less. */
const blockBytes = 4096;
const headerBytes = 16;
const magic = Buffer.from('DOSP');
const version = 1;

/** The patch that makes `slot` out of `base`; null when it would hold more than half of the slot, or the two differ in length. */
export function makePatch(base: Uint8Array, slot: Buffer): Buffer | null {
  if (base.length !== slot.length) return null;
  const count = Math.ceil(slot.length / blockBytes);
  const bitmap = Buffer.alloc(Math.ceil(count / 8));
  const blocks: Uint8Array[] = [];
  for (let number = 0; number < count; number++) {
    const start = number * blockBytes;
    const end = Math.min(slot.length, start + blockBytes);
    if (slot.compare(base, start, end, start, end) === 0) continue;
    if (2 * (blocks.length + 1) > count) return null;
    blocks.push(slot.subarray(start, end));
    bitmap[number >> 3] = (bitmap[number >> 3] as number) | (1 << (number & 7));
  }
  const header = Buffer.alloc(headerBytes);
  magic.copy(header);
  header[4] = version;
  header.writeUInt32LE(slot.length, 8);
  return Buffer.concat([header, bitmap, ...blocks]);
}

/**
 * Makes `bytes`, which hold the base, into the slot. Answers the ranges that it replaced, in order, merged.
 * Foreign bytes: whether the outcome is the slot, its digest has to tell. @throws chunk-corrupt
 */
export function applyPatch(bytes: Uint8Array, patch: Uint8Array): Extent[] {
  const buffer = Buffer.from(patch.buffer, patch.byteOffset, patch.byteLength);
  const count = Math.ceil(bytes.length / blockBytes);
  let at = headerBytes + Math.ceil(count / 8);
  if (buffer.length < at || !buffer.subarray(0, 4).equals(magic)) throw corrupt('it does not begin as one');
  if (buffer[4] !== version) throw corrupt(`its version is ${buffer[4]}, known is ${version}`);
  if (buffer.readUIntLE(5, 3) !== 0 || buffer.readUInt32LE(12) !== 0) throw corrupt('its header is damaged');
  if (buffer.readUInt32LE(8) !== bytes.length) throw corrupt('it is for a slot of another length');
  const replaced: { startBytes: number; lengthBytes: number }[] = [];
  for (let number = 0; number < count; number++) {
    if (((buffer[headerBytes + (number >> 3)] as number) & (1 << (number & 7))) === 0) continue;
    const block = blockOf(bytes, number);
    if (at + block.length > buffer.length) throw corrupt('it is cut short');
    block.set(buffer.subarray(at, at + block.length));
    at += block.length;
    const last = replaced.at(-1);
    if (last !== undefined && last.startBytes + last.lengthBytes === number * blockBytes)
      last.lengthBytes += block.length;
    else replaced.push({ startBytes: number * blockBytes, lengthBytes: block.length });
  }
  if (at !== buffer.length) throw corrupt('bytes follow its last block');
  return replaced;
}

/** The last one may be shorter. */
function blockOf(bytes: Uint8Array, number: number): Uint8Array {
  return bytes.subarray(number * blockBytes, (number + 1) * blockBytes);
}

function corrupt(why: string): DeployError {
  return new DeployError('chunk-corrupt', `a patch is damaged: ${why}`);
}
