// An image as the bytes of its disk: unused ranges are zeros.
import { closeGaps } from '../chunk/slots.ts';
import type { SlotContent } from '../image-content.ts';
import type { Piece } from './pieces.ts';

/** Leaving out less than this saves nothing: file systems allocate more at a time. */
const cheapGapBytes = 64 * 1024;

/** The disk's `sizeBytes` bytes in order. */
export async function* encodeRaw(content: AsyncIterable<SlotContent>, sizeBytes: number): AsyncGenerator<Piece> {
  let at = 0;
  for await (const { offsetBytes, used, bytes } of content) {
    if (bytes === null) continue;
    for (const { startBytes, lengthBytes } of closeGaps(used, cheapGapBytes)) {
      yield { zeroBytes: offsetBytes + startBytes - at };
      yield { bytes: bytes.subarray(startBytes, startBytes + lengthBytes) };
      at = offsetBytes + startBytes + lengthBytes;
    }
  }
  yield { zeroBytes: sizeBytes - at };
}
