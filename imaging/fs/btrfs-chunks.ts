// The chunks of Btrfs: which bytes of the device hold a piece of the logical address space, once or several times.
// Layout: Linux include/uapi/linux/btrfs_tree.h (struct btrfs_chunk, btrfs_stripe, BTRFS_BLOCK_GROUP_*).
import type { BtrfsSuperblock } from './btrfs-superblock.ts';
import { corrupt } from './distrust.ts';

/** A run of logical addresses; every copy holds all of it, starting at its own place on the device. */
export type BtrfsChunk = {
  readonly startBytes: number;
  readonly lengthBytes: number;
  readonly holdsMetadata: boolean;
  readonly copiesAtBytes: readonly number[];
};

const itemBytes = 48;
const stripeBytes = 32;
const keyBytes = 17;
const chunkItemType = 228;

const types = { data: 0x1n, system: 0x2n, metadata: 0x4n } as const;
/** Profiles whose copies each hold the whole chunk, by the number of copies; RAID0 does so over one stripe. */
const profiles: readonly { readonly bits: bigint; readonly name: string; readonly copies: number }[] = [
  { bits: 0x0n, name: 'single', copies: 1 },
  { bits: 0x8n, name: 'RAID0', copies: 1 },
  { bits: 0x10n, name: 'RAID1', copies: 2 },
  { bits: 0x20n, name: 'DUP', copies: 2 },
  { bits: 0x200n, name: 'RAID1C3', copies: 3 },
  { bits: 0x400n, name: 'RAID1C4', copies: 4 },
];
const otherProfiles: readonly (readonly [bigint, string])[] = [
  [0x40n, 'RAID10'],
  [0x80n, 'RAID5'],
  [0x100n, 'RAID6'],
];

/** Chunks in order of their addresses. */
export class BtrfsChunks {
  readonly #chunks: readonly BtrfsChunk[];

  /** @throws DeployError file-system-corrupt when chunks overlap, in the address space or on the device */
  constructor(chunks: readonly BtrfsChunk[]) {
    this.#chunks = [...chunks].sort((a, b) => a.startBytes - b.startBytes);
    refuseOverlaps(this.#chunks, 'two chunks share addresses');
    const places = chunks.flatMap(({ lengthBytes, copiesAtBytes }) =>
      copiesAtBytes.map((startBytes) => ({ startBytes, lengthBytes })),
    );
    refuseOverlaps(
      places.sort((a, b) => a.startBytes - b.startBytes),
      'two chunks share bytes of the device',
    );
  }

  /** The chunk that holds all of the range. @throws DeployError file-system-corrupt when none does */
  find(address: number, lengthBytes: number): BtrfsChunk {
    let [low, high] = [0, this.#chunks.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#chunks[middle] as BtrfsChunk).startBytes <= address) low = middle + 1;
      else high = middle;
    }
    const chunk = this.#chunks[low - 1];
    if (chunk === undefined || address + lengthBytes > chunk.startBytes + chunk.lengthBytes)
      throw corrupt(`no chunk holds the ${lengthBytes} bytes at address ${address}`);
    return chunk;
  }
}

function refuseOverlaps(sorted: readonly { startBytes: number; lengthBytes: number }[], reason: string): void {
  let endBytes = 0;
  for (const { startBytes, lengthBytes } of sorted) {
    if (startBytes < endBytes) throw corrupt(reason);
    endBytes = startBytes + lengthBytes;
  }
}

/** The chunks that the superblock lists itself: pairs of a key and an item. @throws DeployError file-system-corrupt */
export function readSystemChunks(superblock: BtrfsSuperblock): BtrfsChunk[] {
  const { chunkArray } = superblock;
  const chunks: BtrfsChunk[] = [];
  for (let at = 0; at < chunkArray.length; ) {
    if (at + keyBytes + itemBytes > chunkArray.length || chunkArray.readUInt8(at + 8) !== chunkItemType)
      throw corrupt('its array of system chunks is damaged');
    const stripes = chunkArray.readUInt16LE(at + keyBytes + 44);
    const endsAt = at + keyBytes + itemBytes + stripes * stripeBytes;
    const item = chunkArray.subarray(at + keyBytes, endsAt);
    chunks.push(parseChunk(Number(chunkArray.readBigUInt64LE(at + 9)), item, superblock));
    at = endsAt;
  }
  return chunks;
}

/** One chunk item. @throws DeployError file-system-corrupt when it cannot be right or lies on other devices too */
export function parseChunk(startBytes: number, item: Buffer, superblock: BtrfsSuperblock): BtrfsChunk {
  const stripes = item.length < itemBytes ? 0 : item.readUInt16LE(44);
  if (stripes === 0 || item.length !== itemBytes + stripes * stripeBytes) throw corrupt('a chunk item is damaged');
  const lengthBytes = Number(item.readBigUInt64LE(0));
  const type = item.readBigUInt64LE(24);
  const copies = countCopies(type);
  if (copies !== stripes) throw corrupt(`the chunk at ${startBytes} has ${stripes} stripes in place of ${copies}`);
  const { sectorBytes } = superblock;
  if (lengthBytes === 0 || lengthBytes % sectorBytes !== 0 || startBytes % sectorBytes !== 0)
    throw corrupt(`the chunk at ${startBytes} has an impossible place or length`);
  if (!Number.isSafeInteger(startBytes + lengthBytes)) throw corrupt('a chunk has an impossible address');
  const copiesAtBytes = Array.from({ length: stripes }, (_, i) =>
    readStripe(item.subarray(itemBytes + i * stripeBytes), lengthBytes, superblock),
  );
  return { startBytes, lengthBytes, holdsMetadata: (type & (types.system | types.metadata)) !== 0n, copiesAtBytes };
}

/** How many stripes a chunk of this type must have. */
function countCopies(type: bigint): number {
  const bits = type & ~(types.data | types.system | types.metadata);
  const profile = profiles.find((known) => known.bits === bits);
  if (profile !== undefined) return profile.copies;
  const name = otherProfiles.find((known) => known[0] === bits)?.[1] ?? `unknown (0x${bits.toString(16)})`;
  throw corrupt(`chunks of profile ${name} are not read by this reader`);
}

/** Where on the device a copy starts. */
function readStripe(raw: Buffer, lengthBytes: number, superblock: BtrfsSuperblock): number {
  const atBytes = Number(raw.readBigUInt64LE(8));
  if (raw.readBigUInt64LE(0) !== superblock.deviceId || !raw.subarray(16, 32).equals(superblock.deviceUuid))
    throw corrupt('some of its chunks lie on another device');
  if (atBytes % superblock.sectorBytes !== 0 || !(atBytes + lengthBytes <= superblock.deviceBytes))
    throw corrupt('a chunk lies outside the device');
  return atBytes;
}
