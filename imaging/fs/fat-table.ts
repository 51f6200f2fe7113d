// The file allocation table of FAT12, FAT16 and FAT32: a cluster whose entry is not zero is used.
// Layout: fatgen103, "FAT Data Structure".
import type { ByteReader } from '../blockdev/byte-reader.ts';
import type { Extent } from '../extent.ts';
import { BlockList } from './block-list.ts';
import { corrupt } from './distrust.ts';
import type { FatGeometry } from './fat-boot.ts';

/** Read at once, from each FAT: a multiple of three, so that no entry of a FAT12 is cut. */
const pieceBytes = 768 * 1024;
const zeros = Buffer.alloc(pieceBytes);
/** Values of entries: which bits count, and the mark of a bad cluster; the ends of chains lie above it. */
const masks = { 12: 0xfff, 16: 0xffff, 32: 0x0fffffff } as const;
/** What entry 1 has set when the volume was dismounted, and when no error was met. FAT12 has no such bits. */
const stateBits = { 12: null, 16: { clean: 0x8000, sound: 0x4000 }, 32: { clean: 0x08000000, sound: 0x04000000 } };

export type FatUse = { readonly used: readonly Extent[]; readonly badClusters: number };

/**
 * The used clusters as extents, without those marked bad, which no file owns.
 * @throws DeployError file-system-corrupt, source-read, source-vanished
 */
export async function readUsedClusters(bytes: ByteReader, geometry: FatGeometry): Promise<FatUse> {
  const scan = new FatScan(geometry);
  const entryBytes = geometry.bits / 8;
  const totalBytes = Math.ceil((geometry.clusterCount + 2) * entryBytes);
  for (let at = 0; at < totalBytes; at += pieceBytes) {
    const piece = await readAgreed(bytes, geometry, at, Math.min(pieceBytes, totalBytes - at));
    const first = at / entryBytes;
    const count = Math.min(geometry.clusterCount + 2 - first, pieceBytes / entryBytes);
    if (first === 0) checkState(unpack(piece, geometry.bits, 2), geometry);
    // Long free stretches cost one comparison.
    if (first > 0 && piece.equals(zeros.subarray(0, piece.length))) scan.closeRun(first);
    else scan.add(unpack(piece, geometry.bits, count), first);
  }
  return scan.finish();
}

/** A piece of the FAT, which must be the same in every copy. */
async function readAgreed(bytes: ByteReader, geometry: FatGeometry, at: number, length: number): Promise<Buffer> {
  const [first = 0, ...others] = geometry.fatNumbers;
  const read = (fat: number) => bytes.read(geometry.fatAtBytes + fat * geometry.fatBytes + at, length);
  const piece = await read(first);
  for (const fat of others) {
    if (!piece.equals(await read(fat))) throw corrupt('its FATs do not agree');
  }
  return piece;
}

function unpack(piece: Buffer, bits: FatGeometry['bits'], count: number): Uint16Array | Uint32Array {
  if (bits === 12) {
    return Uint16Array.from({ length: count }, (_, i) => {
      const at = i + (i >>> 1);
      const pair = (piece[at] ?? 0) | ((piece[at + 1] ?? 0) << 8);
      return i & 1 ? pair >>> 4 : pair & 0xfff;
    });
  }
  const aligned = piece.byteOffset % 4 === 0 ? piece : new Uint8Array(piece);
  return bits === 16
    ? new Uint16Array(aligned.buffer, aligned.byteOffset, count)
    : new Uint32Array(aligned.buffer, aligned.byteOffset, count);
}

/** The first two entries stand for no cluster: one repeats the kind of medium, the other tells of an unclean end. */
function checkState([zeroth = 0, first = 0]: Uint16Array | Uint32Array, { bits, media }: FatGeometry): void {
  if ((zeroth & 0xff) !== media) throw corrupt('its FAT does not start as one');
  const state = stateBits[bits];
  if (state === null) return;
  if ((first & state.clean) === 0) throw corrupt('it was not unmounted cleanly');
  if ((first & state.sound) === 0) throw corrupt('errors are recorded in it');
}

class FatScan {
  badClusters = 0;
  readonly #geometry: FatGeometry;
  readonly #sectors: BlockList;
  #runStart = -1;

  constructor(geometry: FatGeometry) {
    this.#geometry = geometry;
    this.#sectors = new BlockList(geometry.sectorBytes);
  }

  /** Goes through the entries from number `first` on. */
  add(entries: Uint16Array | Uint32Array, first: number): void {
    const { bits, clusterCount } = this.#geometry;
    const mask = masks[bits];
    const bad = mask - 8;
    for (let i = Math.max(0, 2 - first); i < entries.length; i++) {
      const value = (entries[i] as number) & mask;
      if (value === 0 || value === bad) {
        if (this.#runStart >= 0) this.closeRun(first + i);
        if (value === bad) this.badClusters++;
        continue;
      }
      if (value === 1 || (value >= clusterCount + 2 && value < bad)) throw corrupt('its FAT points outside of it');
      if (this.#runStart < 0) this.#runStart = first + i;
    }
  }

  /** Ends the run of used clusters before cluster `end`, where there is one. */
  closeRun(end: number): void {
    const { dataSector, sectorsPerCluster } = this.#geometry;
    if (this.#runStart >= 0) {
      const sectorOf = (cluster: number) => dataSector + (cluster - 2) * sectorsPerCluster;
      this.#sectors.add(sectorOf(this.#runStart), sectorOf(end));
    }
    this.#runStart = -1;
  }

  finish(): FatUse {
    this.closeRun(this.#geometry.clusterCount + 2);
    return { used: this.#sectors.toExtents(), badClusters: this.badClusters };
  }
}
