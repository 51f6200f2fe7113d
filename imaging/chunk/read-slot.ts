// Brings one slot into memory: its used ranges from the device, everything else zero.
import { DeployError } from '../../protocol/errors.ts';
import type { Extent } from '../extent.ts';
import { type Device, readFully } from './device-io.ts';
import { closeGaps, gapsBetween } from './slots.ts';
import type { SlotPlace } from './worker-messages.ts';

/** Reading over a gap this small costs less than another system call. */
const cheapGapBytes = 64 * 1024;
const pageBytes = 4096;
const badSector: ReadonlySet<string> = new Set(['source-read', 'read-back-mismatch']);

/**
 * Fills `buffer` with the slot and returns its part of it. With `direct`, reads are widened to whole pages as O_DIRECT wants them.
 * A read error in a widened range is tried again without the unused bytes: a bad sector that nobody uses must not stop a capture.
 */
export function readSlotInto(
  buffer: Buffer,
  device: Device,
  slot: SlotPlace & { readonly used: readonly Extent[] },
  direct: boolean,
): Buffer {
  const bytes = buffer.subarray(0, slot.lengthBytes);
  const last = slot.used.at(-1);
  const usedEnd = last === undefined ? 0 : last.startBytes + last.lengthBytes;
  const wide = closeGaps(direct ? slot.used.map(toPages) : slot.used, cheapGapBytes);
  try {
    for (const range of wide) read(range);
  } catch (thrown) {
    if (!(thrown instanceof DeployError) || !badSector.has(thrown.code)) throw thrown;
    for (const range of slot.used) read(range);
  }
  for (const gap of gapsBetween(slot.used, slot.lengthBytes)) {
    bytes.fill(0, gap.startBytes, gap.startBytes + gap.lengthBytes);
  }
  return bytes;

  function read({ startBytes, lengthBytes }: Extent): void {
    // A widened range may end past the device's last sector; what is used does not.
    const neededBytes = Math.min(lengthBytes, usedEnd - startBytes);
    const range = buffer.subarray(startBytes, startBytes + lengthBytes);
    readFully(device, range, slot.offsetBytes + startBytes, neededBytes);
  }
}

function toPages({ startBytes, lengthBytes }: Extent): Extent {
  const from = Math.floor(startBytes / pageBytes) * pageBytes;
  const to = Math.ceil((startBytes + lengthBytes) / pageBytes) * pageBytes;
  return { startBytes: from, lengthBytes: to - from };
}
