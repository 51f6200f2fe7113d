// What an overwrite leaves: zeros, or bytes that nobody can tell from random ones and that can be made again, from any place on, to compare.
import { createCipheriv, randomBytes } from 'node:crypto';

export type PatternKind = 'zeros' | 'random';

export type Pattern = {
  readonly kind: PatternKind;
  /** Of random bytes, in hexadecimal: who goes on with the same has the same bytes. */
  readonly seed: string | null;
  /** Fills `into` with what belongs at `offsetBytes`, a multiple of 16. */
  readonly fill: (into: Buffer, offsetBytes: number) => void;
};

/** AES-256 in counter mode over zeros (NIST SP 800-38A, 6.5): the block at a place is known without those before it. */
export function makePattern(kind: PatternKind, seed: string = randomBytes(32).toString('hex')): Pattern {
  if (kind === 'zeros') return { kind, seed: null, fill: (into) => void into.fill(0) };
  const key = Buffer.from(seed, 'hex');
  return {
    ...{ kind, seed },
    fill: (into, offsetBytes) => {
      const counter = Buffer.alloc(16);
      counter.writeBigUInt64BE(BigInt(offsetBytes / 16), 8);
      into.fill(0);
      createCipheriv('aes-256-ctr', key, counter).update(into).copy(into);
    },
  };
}
