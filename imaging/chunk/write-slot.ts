// Brings one slot from memory to the target: past the page cache where the ranges allow it, which spares a copy and the wait for write-back.
import type { Extent } from '../extent.ts';
import { type Device, writeFully } from './device-io.ts';

const pageBytes = 4096;

/** Writes the `writes` of the slot in `bytes` (page-aligned memory). Ranges that are not whole pages go through `buffered`; the kernel keeps both views equal. */
export function writeSlotFrom(
  bytes: Buffer,
  device: Device,
  buffered: () => Device,
  offsetBytes: number,
  writes: readonly Extent[],
): void {
  for (const { startBytes, lengthBytes } of writes) {
    const wholePages =
      (offsetBytes + startBytes) % pageBytes === 0 && startBytes % pageBytes === 0 && lengthBytes % pageBytes === 0;
    const range = bytes.subarray(startBytes, startBytes + lengthBytes);
    writeFully(wholePages ? device : buffered(), range, offsetBytes + startBytes);
  }
}
