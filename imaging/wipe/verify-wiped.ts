// Whether what was on a target is gone: all of it is read; where a disk gives other bytes than zeros, places of it are compared with what was there before.
import { constants, open } from 'node:fs/promises';
import { DeployError } from '../../protocol/errors.ts';
import { type Target, withTargetErrors } from '../blockdev/target.ts';
import { readUpTo } from '../blockdev/whole-transfers.ts';
import { allocateArena } from '../chunk/arena.ts';
import { digestOf } from '../chunk/digest.ts';
import type { Pause } from '../pause.ts';
import { readPieces } from './transfer.ts';

const pageBytes = 4096;
const maxSamples = 256;
const sampleBytes = 65_536;

type Sample = { readonly offsetBytes: number; readonly digest: string; readonly isZero: boolean };

export type Evidence = {
  /** True: every byte reads as zero. */
  readonly zeros: boolean;
  readonly bytesVerified: number;
  /** Places that held something before, and hold something else now; counted where not all is zeros. */
  readonly samplesChanged: number;
};

/** Places all over the target, its first and, where there is room for two, its last among them, read past the page cache if `direct`. @throws target-vanished, read-back-mismatch */
export async function takeSamples(target: Target, direct: boolean): Promise<Sample[]> {
  // A small disk has fewer, so that none overlaps the next.
  const count = Math.min(maxSamples, Math.max(1, Math.floor(target.sizeBytes / sampleBytes)));
  const lastPage = Math.max(0, Math.floor((target.sizeBytes - sampleBytes) / pageBytes));
  const places = Array.from(
    { length: count },
    (_, i) => Math.floor((lastPage * i) / Math.max(1, count - 1)) * pageBytes,
  );
  return readSamples(target, direct, places);
}

async function readSamples(target: Target, direct: boolean, places: readonly number[]): Promise<Sample[]> {
  const whole = direct && target.sizeBytes >= sampleBytes;
  const [memory = Buffer.alloc(0)] = allocateArena(1, sampleBytes);
  const bytes = memory.subarray(0, Math.min(sampleBytes, target.sizeBytes));
  const flags = constants.O_RDONLY | (whole ? constants.O_DIRECT : 0);
  return withTargetErrors(target, 'reading', async () => {
    await using handle = await open(target.path, flags);
    const samples: Sample[] = [];
    for (const offsetBytes of places) {
      await readUpTo(handle, bytes, offsetBytes);
      samples.push({ offsetBytes, digest: digestOf(bytes), isZero: isZero(bytes) });
    }
    return samples;
  });
}

class OtherThanZeros extends Error {}

type Read = { readonly target: Target; readonly direct: boolean; readonly signal?: AbortSignal | undefined } & {
  readonly pause?: Pause | undefined;
  readonly onDone: (doneBytes: number) => void;
};

/** @throws read-back-mismatch when a place still holds what it held, or cannot be read; target-vanished, cancelled */
export async function verifyWiped(read: Read, before: readonly Sample[]): Promise<Evidence> {
  const { target } = read;
  try {
    await readPieces({ ...read, fromBytes: 0 }, (piece) => {
      if (!isZero(piece)) throw new OtherThanZeros();
    });
    return { zeros: true, bytesVerified: target.sizeBytes, samplesChanged: 0 };
  } catch (thrown) {
    if (!(thrown instanceof DeployError && thrown.cause instanceof OtherThanZeros)) throw thrown;
  }
  const telling = before.filter((sample) => !sample.isZero);
  const now = await readSamples(
    target,
    read.direct,
    telling.map(({ offsetBytes }) => offsetBytes),
  );
  const kept = now.filter(({ digest }, i) => digest === telling[i]?.digest).map(({ offsetBytes }) => offsetBytes);
  if (kept.length === 0)
    return {
      zeros: false,
      bytesVerified: telling.length * Math.min(sampleBytes, target.sizeBytes),
      samplesChanged: telling.length,
    };
  throw new DeployError(
    'read-back-mismatch',
    `${target.label} still holds what it held before: ${kept.length} of ${telling.length} places that were looked at, the first at byte ${kept[0]}`,
    { hint: 'Overwrite it (--method overwrite).' },
  );
}

const zeros = Buffer.alloc(4 * 2 ** 20);

function isZero(bytes: Buffer): boolean {
  return bytes.equals(zeros.subarray(0, bytes.length));
}
