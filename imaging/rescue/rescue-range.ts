// Gets out of a range that has bad sectors whatever can be read: from the front, from the back, and then sector by sector between.
import type { Extent } from '../extent.ts';
import type { ReadAttempt } from './failing-device.ts';

const stepBytes = 64 * 1024;
const pageBytes = 4096;
/** A bad sector is tried so often: drives read some of them at the second or third attempt. */
const triesPerSector = 3;
/** A drive may take half a minute for every failing read. After so many in one range, what is between is given up page by page, … */
const finestFailures = 128;
/** … and after so many unread. */
const maxFailures = 256;

/**
 * Fills `into` from `offsetBytes` (both multiples of the sector size) as far as the device can; answers the ranges, relative to `into`, that it
 * cannot read, zeroed.
 */
export async function rescueRange(
  into: Buffer,
  offsetBytes: number,
  sectorSizeBytes: number,
  tryRead: ReadAttempt,
): Promise<Extent[]> {
  const attempt = new Attempt(into, offsetBytes, tryRead);
  let from = 0;
  let to = into.length;
  while (from < to && (await attempt.read(from, Math.min(to, from + stepBytes)))) from = Math.min(to, from + stepBytes);
  while (from < to && (await attempt.read(Math.max(from, to - stepBytes), to))) to = Math.max(from, to - stepBytes);
  const lost: Extent[] = [];
  for (let at = from; at < to; at += pageBytes) {
    const end = Math.min(to, at + pageBytes);
    if (attempt.failures < maxFailures && (await attempt.read(at, end))) continue;
    if (attempt.failures >= finestFailures) lost.push(attempt.giveUp(at, end));
    else lost.push(...(await rescueSectors(attempt, at, end, sectorSizeBytes)));
  }
  return lost;
}

async function rescueSectors(attempt: Attempt, from: number, to: number, sectorSizeBytes: number): Promise<Extent[]> {
  const lost: Extent[] = [];
  for (let at = from; at < to; at += sectorSizeBytes) {
    const end = Math.min(to, at + sectorSizeBytes);
    let done = false;
    for (let tries = 0; tries < triesPerSector && !done; tries++) done = await attempt.read(at, end);
    if (!done) lost.push(attempt.giveUp(at, end));
  }
  return lost;
}

class Attempt {
  readonly #into: Buffer;
  readonly #offsetBytes: number;
  readonly #tryRead: ReadAttempt;
  failures = 0;

  constructor(into: Buffer, offsetBytes: number, tryRead: ReadAttempt) {
    this.#into = into;
    this.#offsetBytes = offsetBytes;
    this.#tryRead = tryRead;
  }

  async read(from: number, to: number): Promise<boolean> {
    const done = await this.#tryRead(this.#into.subarray(from, to), this.#offsetBytes + from);
    if (!done) this.failures++;
    return done;
  }

  giveUp(from: number, to: number): Extent {
    this.#into.fill(0, from, to);
    return { startBytes: from, lengthBytes: to - from };
  }
}
