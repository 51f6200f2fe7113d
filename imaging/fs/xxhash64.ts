// XXH64, one of the four checksums of Btrfs, in halves of 32 bits: BigInt would make each node cost a millisecond.
// Specification: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md

const prime1 = 0x9e3779b185ebca87n;
const prime2 = 0xc2b2ae3d27d4eb4fn;
const prime3 = 0x165667b19e3779f9n;
const prime4 = 0x85ebca77c2b2ae63n;
const [high1, low1] = halves(prime1);
const [high2, low2] = halves(prime2);
const stripeBytes = 32;

function halves(value: bigint): [high: number, low: number] {
  return [Number((value >> 32n) & 0xffffffffn), Number(value & 0xffffffffn)];
}

/** The upper half of the product of two unsigned 32-bit numbers. */
function multiplyHigh(a: number, b: number): number {
  const [aHigh, aLow, bHigh, bLow] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(carry / 65536)) >>> 0;
}

const wrap = (value: bigint) => BigInt.asUintN(64, value);
const rotate = (value: bigint, by: bigint) => wrap(value << by) | (wrap(value) >> (64n - by));
const round = (lane: bigint) => wrap(rotate(wrap(lane * prime2), 31n) * prime1);

/** XXH64 with seed 0 of `bytes`, whose length must be a multiple of 32 and not 0. */
export function xxhash64(bytes: Buffer): bigint {
  const seeds = [wrap(prime1 + prime2), prime2, 0n, wrap(-prime1)];
  const [a = 0n, b = 0n, c = 0n, d = 0n] = seeds.map((seed, lane) => accumulate(bytes, lane * 8, seed));
  let hash = wrap(rotate(a, 1n) + rotate(b, 7n) + rotate(c, 12n) + rotate(d, 18n));
  for (const lane of [a, b, c, d]) hash = wrap((hash ^ round(lane)) * prime1 + prime4);
  hash = wrap(hash + BigInt(bytes.length));
  hash = wrap((hash ^ (hash >> 33n)) * prime2);
  hash = wrap((hash ^ (hash >> 29n)) * prime3);
  return hash ^ (hash >> 32n);
}

/** One of the four accumulators over every stripe: v = rotate(v + word × prime2, 31) × prime1. */
function accumulate(bytes: Buffer, from: number, seed: bigint): bigint {
  let [high, low] = halves(seed);
  for (let at = from; at < bytes.length; at += stripeBytes) {
    const wordLow = bytes.readUInt32LE(at);
    const wordHigh = bytes.readUInt32LE(at + 4);
    const addLow = Math.imul(wordLow, low2) >>> 0;
    const addHigh = multiplyHigh(wordLow, low2) + Math.imul(wordHigh, low2) + Math.imul(wordLow, high2);
    const sum = low + addLow;
    const sumHigh = high + addHigh + (sum > 0xffffffff ? 1 : 0);
    const turnedLow = ((sum << 31) | (sumHigh >>> 1)) >>> 0;
    const turnedHigh = ((sumHigh << 31) | (sum >>> 1)) >>> 0;
    low = Math.imul(turnedLow, low1) >>> 0;
    high = (multiplyHigh(turnedLow, low1) + Math.imul(turnedHigh, low1) + Math.imul(turnedLow, high1)) >>> 0;
  }
  return (BigInt(high) << 32n) | BigInt(low);
}
