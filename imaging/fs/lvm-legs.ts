// Where the bytes of a logical volume are: a leg is one whole copy of them, on stretches of one physical volume.
import { type ByteReader, outOfRange } from '../blockdev/byte-reader.ts';
import type { Extent } from '../extent.ts';
import type { LvmGroup, LvmSegment, LvmVolume } from './lvm-group.ts';

/** A stretch of a leg: one run on the device, or several that take turns by stripes. */
type Stretch = {
  readonly startBytes: number;
  readonly lengthBytes: number;
  readonly areasAtBytes: readonly number[];
  readonly stripeBytes: number;
};

export type LvmLeg = {
  /** The volume whose own segments it is. */
  readonly owner: string;
  readonly sizeBytes: number;
  readonly stretches: readonly Stretch[];
};

/** What dmsetup and lvm call a volume that needs nothing but its own extents. */
const plainStates = ['READ', 'WRITE', 'VISIBLE', 'FIXED_MINOR', 'ACTIVATION_SKIP'];

/**
 * The copies of a volume that a file system can be looked for in, or in words why there are none: it must be visible, in
 * no unusual state, referred to by no other volume (a snapshot still needs what its origin has freed), and linear,
 * striped or mirrored over this physical volume alone.
 */
export function findCopies(group: LvmGroup, volume: LvmVolume): LvmLeg[] | string {
  const odd = volume.states.filter((state) => !plainStates.includes(state));
  if (odd.length > 0) return `its state is ${odd.join(', ').slice(0, 200)}`;
  const user = findUsers(group, volume.name)[0];
  if (user !== undefined) return `${user.name} rests on it`;
  const own = findOwnLeg(group, volume);
  if (own !== null) return [own];
  const [segment, ...others] = volume.segments;
  if (segment === undefined || others.length > 0 || !/^(mirror|raid1)$/.test(segment.type)) {
    return `it is ${[...new Set(volume.segments.map(({ type }) => type))].join(', ')}`;
  }
  return findMirrors(group, volume, segment);
}

function findUsers(group: LvmGroup, name: string): LvmVolume[] {
  return group.volumes.filter(
    (other) => other.name !== name && other.segments.some(({ names }) => names.includes(name)),
  );
}

/** The legs of a mirror are hidden volumes; what else it names is its log, or its legs' metadata. */
function findMirrors(group: LvmGroup, volume: LvmVolume, segment: LvmSegment): LvmLeg[] | string {
  const images = group.volumes.filter(
    ({ name }) => segment.names.includes(name) && name.startsWith(`${volume.name}_`) && /_[rm]image_\d+$/.test(name),
  );
  const count = images.length;
  const legs = images.map((image) => {
    const alone = findUsers(group, image.name).length === 1;
    const quiet = image.states.every((state) => state === 'READ' || state === 'WRITE');
    const leg = alone && quiet ? findOwnLeg(group, image) : null;
    return leg?.sizeBytes === segment.extentCount * group.extentBytes ? leg : null;
  });
  const whole = legs.filter((leg) => leg !== null);
  const named = segment.names.filter((name) => /_[rm]image_\d+$/.test(name)).length;
  return count > 1 && whole.length === count && named === count ? whole : 'its mirrors are not all whole or at rest';
}

/** The leg that the volume's own segments make, if all are linear or striped over this physical volume. */
function findOwnLeg(group: LvmGroup, { name, segments }: LvmVolume): LvmLeg | null {
  const stretches: Stretch[] = [];
  let sizeBytes = 0;
  for (const { type, areas, extentCount, stripeBytes } of segments) {
    if (type !== 'striped' && type !== 'linear') return null;
    const areasAtBytes = areas.map((area) =>
      area === null ? -1 : group.dataAtBytes + area.firstExtent * group.extentBytes,
    );
    if (areasAtBytes.includes(-1)) return null;
    const lengthBytes = extentCount * group.extentBytes;
    stretches.push({ startBytes: sizeBytes, lengthBytes, areasAtBytes, stripeBytes });
    sizeBytes += lengthBytes;
  }
  return sizeBytes === 0 ? null : { owner: name, sizeBytes, stretches };
}

/** The leg as bytes of their own. */
export function readerOfLeg(bytes: ByteReader, leg: LvmLeg, name: string): ByteReader {
  const label = `${bytes.label}, volume ${name}`;
  return {
    sizeBytes: leg.sizeBytes,
    sectorSizeBytes: bytes.sectorSizeBytes,
    label,
    read: async (offsetBytes, lengthBytes) => {
      if (offsetBytes < 0 || offsetBytes + lengthBytes > leg.sizeBytes)
        throw outOfRange(label, offsetBytes, lengthBytes, leg.sizeBytes);
      const pieces: Buffer[] = [];
      const wanted = { startBytes: offsetBytes, lengthBytes };
      for (const { startBytes, lengthBytes: length } of placeInOrder(leg, wanted))
        pieces.push(await bytes.read(startBytes, length));
      const [first] = pieces;
      return first !== undefined && pieces.length === 1 ? first : Buffer.concat(pieces);
    },
  };
}

/** Where on the device a range of a leg is, piece by piece. */
export function placeInOrder(leg: LvmLeg, extent: Extent): Extent[] {
  return locate(leg, extent, cutInOrder);
}

/** Where on the device the extents of a leg are, in no order. */
export function placeExtents(leg: LvmLeg, extents: readonly Extent[]): Extent[] {
  return extents.flatMap((extent) => locate(leg, extent, cutByAreas));
}

type Cut = (stretch: Stretch, fromBytes: number, toBytes: number) => Extent[];

/** The parts of a range that lie in each stretch, as `cut` takes them apart. */
function locate(leg: LvmLeg, { startBytes, lengthBytes }: Extent, cut: Cut): Extent[] {
  const endBytes = startBytes + lengthBytes;
  return leg.stretches.flatMap((stretch) => {
    const from = Math.max(startBytes, stretch.startBytes) - stretch.startBytes;
    const to = Math.min(endBytes, stretch.startBytes + stretch.lengthBytes) - stretch.startBytes;
    if (from >= to) return [];
    const [first] = stretch.areasAtBytes;
    if (stretch.areasAtBytes.length > 1 || first === undefined) return cut(stretch, from, to);
    return [{ startBytes: first + from, lengthBytes: to - from }];
  });
}

/** Stripe by stripe. */
function cutInOrder({ areasAtBytes, stripeBytes }: Stretch, from: number, to: number): Extent[] {
  const pieces: Extent[] = [];
  for (let at = from; at < to; ) {
    const stripe = Math.floor(at / stripeBytes);
    const within = at % stripeBytes;
    const lengthBytes = Math.min(stripeBytes - within, to - at);
    const area = areasAtBytes[stripe % areasAtBytes.length] ?? 0;
    const row = Math.floor(stripe / areasAtBytes.length);
    pieces.push({ startBytes: area + row * stripeBytes + within, lengthBytes });
    at += lengthBytes;
  }
  return pieces;
}

/** Whole rows of stripes at once, so that a large extent does not become millions. */
function cutByAreas(stretch: Stretch, from: number, to: number): Extent[] {
  const { areasAtBytes, stripeBytes } = stretch;
  const rowBytes = stripeBytes * areasAtBytes.length;
  const firstRow = Math.ceil(from / rowBytes);
  const endRow = Math.floor(to / rowBytes);
  if (firstRow >= endRow) return cutInOrder(stretch, from, to);
  const rows = areasAtBytes.map((area) => ({
    startBytes: area + firstRow * stripeBytes,
    lengthBytes: (endRow - firstRow) * stripeBytes,
  }));
  return [...cutInOrder(stretch, from, firstRow * rowBytes), ...rows, ...cutInOrder(stretch, endRow * rowBytes, to)];
}
