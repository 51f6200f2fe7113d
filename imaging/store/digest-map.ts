// A number for each of millions of digests, in little memory: what garbage collection, check and statistics know of a store's chunks.
import { randomBytes } from 'node:crypto';
import type { Digest } from './chunk-store.ts';

/** Of a digest, 16 bytes are kept: two chunks that share them would cost 2^64 digests to find, and are the same to this map. */
const keyWords = 4;
const entryWords = keyWords + 1;

const shardCount = 256;
const firstEntries = 16;
/** A shard grows by half when it is fuller than this: 25 to 38 bytes a digest, and one shard of 256 is copied at a time. */
const maxLoad = 0.8;
const growth = 1.5;

type Shard = { words: Uint32Array; entries: number };

/**
 * Open addressing with linear probing, split by the digest's first byte. Nothing is ever deleted.
 * JavaScript's own Set ends at 2^24 entries and takes about 130 bytes for each digest.
 */
export class DigestMap {
  readonly #shards: Shard[] = Array.from({ length: shardCount }, () => emptyShard(firstEntries));
  readonly #key = Buffer.alloc(4 * keyWords);
  readonly #keyWords = new Uint32Array(this.#key.buffer, this.#key.byteOffset, keyWords);
  /** Digests are chosen by whoever writes chunks; their places in here are not. */
  readonly #seed = randomBytes(4).readUInt32LE() | 1;

  /** Memory of the entries, used and free. */
  get sizeBytes(): number {
    return this.#shards.reduce((sum, { words }) => sum + words.byteLength, 0);
  }

  has(digest: Digest): boolean {
    return this.get(digest) !== undefined;
  }

  get(digest: Digest): number | undefined {
    const { words } = this.#shardOf(digest);
    const at = this.#find(words, this.#keyWords);
    const value = words[at + keyWords] as number;
    return value === 0 ? undefined : value - 1;
  }

  /** `value` from 0 to 2^32 - 2. */
  set(digest: Digest, value: number): void {
    const shard = this.#shardOf(digest);
    if ((shard.entries + 1) * entryWords > shard.words.length * maxLoad) this.#grow(shard);
    const at = this.#find(shard.words, this.#keyWords);
    if (shard.words[at + keyWords] === 0) {
      shard.words.set(this.#keyWords, at);
      shard.entries++;
    }
    shard.words[at + keyWords] = value + 1;
  }

  #shardOf(digest: Digest): Shard {
    if (this.#key.write(digest, 'hex') !== 4 * keyWords) throw new RangeError(`'${digest}' is no digest`);
    return this.#shards[this.#key[0] as number] as Shard;
  }

  /** Index of the entry of `key`, or of the free one (value 0) where it belongs. */
  #find(words: Uint32Array, key: Uint32Array): number {
    const capacity = words.length / entryWords;
    const hash = Math.imul((key[0] as number) ^ (key[1] as number), this.#seed) >>> 0;
    let at = Math.floor((hash / 2 ** 32) * capacity) * entryWords;
    while (words[at + keyWords] !== 0 && !equalKeys(words, at, key)) {
      at += entryWords;
      if (at === words.length) at = 0;
    }
    return at;
  }

  #grow(shard: Shard): void {
    const old = shard.words;
    const larger = emptyShard(Math.ceil((old.length / entryWords) * growth)).words;
    for (let at = 0; at < old.length; at += entryWords) {
      if (old[at + keyWords] === 0) continue;
      const entry = old.subarray(at, at + entryWords);
      larger.set(entry, this.#find(larger, entry));
    }
    shard.words = larger;
  }
}

function emptyShard(entries: number): Shard {
  return { words: new Uint32Array(entries * entryWords), entries: 0 };
}

function equalKeys(words: Uint32Array, at: number, key: Uint32Array): boolean {
  for (let i = 0; i < keyWords; i++) if (words[at + i] !== key[i]) return false;
  return true;
}
