// Looks a name up in a directory of NTFS: a B+ tree of names, in the order of their upper-case letters.
// Layout: Linux-NTFS documentation, "$INDEX_ROOT" and "$INDEX_ALLOCATION"; ntfs-3g index.c.
import { corrupt } from './distrust.ts';
import type { Mft, NtfsStream } from './ntfs-mft.ts';
import { attributeTypes, type FileReference, readReference, undoFixups } from './ntfs-record.ts';

export const rootDirectory = 5;
const indexName = '$I30';
const entryFlags = { hasChild: 0x1, last: 0x2 } as const;
/** A tree of names is never deeper; damage could make it a ring. */
const maxDepth = 16;

const damaged = () => corrupt('one of its directories is damaged');

/** The file called `name` in the directory with that file number, or null. `name` is ASCII; case does not count. */
export async function findInDirectory(mft: Mft, directory: number, name: string): Promise<FileReference | null> {
  const root = (await mft.openStream(directory, attributeTypes.indexRoot, indexName)).value;
  if (root === null || root.length < 32 || root.readUInt32LE(0) !== 0x30) throw damaged();
  const blockBytes = root.readUInt32LE(8);
  if (![512, 1024, 2048, 4096, 8192, 16384, 32768, 65536].includes(blockBytes)) throw damaged();
  let allocation: NtfsStream | null = null;
  let node = nodeOf(root, 16);
  for (let depth = 0; depth < maxDepth; depth++) {
    const step = searchNode(node, name);
    if (step === null || typeof step === 'object') return step;
    allocation ??= await mft.openStream(directory, attributeTypes.indexAllocation, indexName);
    node = await readBlock(mft, allocation, step, blockBytes);
  }
  throw damaged();
}

/** The entries behind the index header at `at`. */
function nodeOf(bytes: Buffer, at: number): Buffer {
  const first = bytes.readUInt32LE(at);
  const end = bytes.readUInt32LE(at + 4);
  if (first > end || at + end > bytes.length) throw damaged();
  return bytes.subarray(at + first, at + end);
}

/** The file when the node names it, the virtual cluster of the child to go on with, or null when the name is nowhere. */
function searchNode(node: Buffer, name: string): FileReference | number | null {
  for (let at = 0; at + 16 <= node.length; ) {
    const length = node.readUInt16LE(at + 8);
    const flags = node.readUInt16LE(at + 12);
    if (length < 16 || at + length > node.length) break;
    const entry = node.subarray(at, at + length);
    const order = flags & entryFlags.last ? 1 : compareNames(readName(entry), name);
    if (order === 0) return readReference(entry, 0);
    if (order > 0) return flags & entryFlags.hasChild ? readChild(entry) : null;
    at += length;
  }
  throw damaged();
}

function readName(entry: Buffer): string {
  const end = entry.length < 82 ? Number.POSITIVE_INFINITY : 82 + 2 * entry.readUInt8(80);
  if (end > entry.length) throw damaged();
  return entry.toString('utf16le', 82, end);
}

function readChild(entry: Buffer): number {
  if (entry.length < 24) throw damaged();
  return Number(entry.readBigUInt64LE(entry.length - 8));
}

/** Order of the upper-case letters; beside an ASCII name, it does not matter what becomes of letters beyond ASCII. */
function compareNames(a: string, b: string): number {
  const [left, right] = [a, b].map((name) => name.replace(/[a-z]/g, (letter) => letter.toUpperCase())) as [
    string,
    string,
  ];
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** Children are numbered in clusters, or in units of 512 bytes where a block is smaller than a cluster. */
async function readBlock(mft: Mft, allocation: NtfsStream, vcn: number, blockBytes: number): Promise<Buffer> {
  const { clusterBytes } = mft.geometry;
  const block = Buffer.from(
    await mft.read(allocation, vcn * (clusterBytes <= blockBytes ? clusterBytes : 512), blockBytes),
  );
  undoFixups(block, 'INDX', 'a block of a directory');
  if (block.readBigUInt64LE(16) !== BigInt(vcn)) throw damaged();
  return nodeOf(block, 24);
}
