// Part of stage 4: what Node has for TypeScript and for C++ exceptions, which the agent, a bundle of JavaScript, never runs.
import { DeployError } from '../../protocol/errors.ts';

/** Bumped when another choice makes another Node out of the same binary. */
export const unusedPartsVersion = 1;

/** Of the source of `internal/deps/amaro/dist/index`, which carries a compiler as base64 that no packer makes small. */
const stripperMarker = 'deprecatedTsModuleAsError';
const leastStripperBytes = 2 ** 20;
/** How a stack is unwound for an exception (LSB, "Exception Frames"). */
const unwindSections = ['.eh_frame', '.eh_frame_hdr'];

/**
 * Blanks, in place, the type stripper's source and the tables for unwinding; answers how many bytes that were. Nothing else moves. Node is compiled without
 * exceptions: what is lost is the list of machine addresses that a crash of Node itself prints. JavaScript's stacks and errors do not depend on it.
 * @throws build-failed when there are none
 */
export function blankUnusedParts(binary: Buffer): number {
  return blankTypeStripper(binary) + blankUnwindTables(binary);
}

function blankTypeStripper(binary: Buffer): number {
  for (let at = binary.indexOf(stripperMarker); at >= 0; at = binary.indexOf(stripperMarker, at + 1)) {
    let [start, end] = [at, at];
    while (start > 0 && isText(binary[start - 1])) start--;
    while (end < binary.length && isText(binary[end])) end++;
    if (end - start < leastStripperBytes) continue;
    // Of the same length, and a module of nothing: who strips types gets an error.
    binary.fill(' ', start, end);
    return end - start;
  }
  throw changed('type stripper');
}

/** Printable ASCII, tabs and line ends. */
function isText(byte: number | undefined): boolean {
  return byte !== undefined && ((byte >= 0x20 && byte < 0x7f) || byte === 0x09 || byte === 0x0a);
}

/** By the section headers of a little-endian ELF64 (System V ABI, "Sections"), which `strip` keeps. */
function blankUnwindTables(binary: Buffer): number {
  const table = Number(binary.readBigUInt64LE(0x28));
  const [size, count, names] = [0x3a, 0x3c, 0x3e].map((at) => binary.readUInt16LE(at)) as [number, number, number];
  const headerOf = (index: number) => binary.subarray(table + index * size, table + (index + 1) * size);
  const placeOf = (header: Buffer) => {
    const start = Number(header.readBigUInt64LE(0x18));
    return { start, end: start + Number(header.readBigUInt64LE(0x20)) };
  };
  const nameTable = placeOf(headerOf(names)).start;
  let blanked = 0;
  for (let i = 0; i < count; i++) {
    const nameAt = nameTable + headerOf(i).readUInt32LE(0);
    if (!unwindSections.includes(binary.toString('latin1', nameAt, binary.indexOf(0, nameAt)))) continue;
    const { start, end } = placeOf(headerOf(i));
    binary.fill(0, start, end);
    blanked += end - start;
  }
  if (blanked === 0) throw changed('unwind tables');
  return blanked;
}

function changed(what: string): DeployError {
  return new DeployError('build-failed', `this Node has no ${what} where the build looks for that`, {
    hint: 'Node has changed: see initramfs/stages/unused-parts.ts',
  });
}
