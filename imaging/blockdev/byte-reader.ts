// The first step of the path of the data: random reads from something that holds bytes (a block device, a file, a part of one).
import { DeployError } from '../../protocol/errors.ts';

/** Random access to the bytes of a device, a file or a window of one. Offsets are relative to its first byte. */
export interface ByteReader {
  readonly sizeBytes: number;
  /** Logical sector size: 512 or 4096. */
  readonly sectorSizeBytes: number;
  /** What a person calls it, for messages: `/dev/sda (QEMU HARDDISK, serial 42, 8.0 GiB)` or a file path. */
  readonly label: string;
  /**
   * Exactly `lengthBytes` bytes at `offsetBytes`.
   * @throws DeployError source-read on an I/O error or a range outside the device, source-vanished when the device is gone.
   */
  read(offsetBytes: number, lengthBytes: number): Promise<Buffer>;
}

/** The bytes `[startBytes, startBytes + sizeBytes)` of `whole` as a reader of their own. */
export function windowOf(whole: ByteReader, startBytes: number, sizeBytes: number): ByteReader {
  return {
    sizeBytes,
    sectorSizeBytes: whole.sectorSizeBytes,
    label: whole.label,
    read: (offsetBytes, lengthBytes) => {
      if (offsetBytes < 0 || offsetBytes + lengthBytes > sizeBytes) {
        return Promise.reject(outOfRange(whole.label, offsetBytes, lengthBytes, sizeBytes));
      }
      return whole.read(startBytes + offsetBytes, lengthBytes);
    },
  };
}

/** The error for a read that leaves the device; a corrupt pointer in foreign bytes usually ends here. */
export function outOfRange(label: string, offsetBytes: number, lengthBytes: number, sizeBytes: number): DeployError {
  return new DeployError(
    'source-read',
    `reading ${label}: ${lengthBytes} bytes at ${offsetBytes} lie outside its ${sizeBytes} bytes`,
  );
}
