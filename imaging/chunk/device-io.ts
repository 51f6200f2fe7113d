// Reads and writes of the device under the workers: whole ranges or a named error, never a short count.
import fs from 'node:fs';
import { DeployError, type ErrorCode } from '../../protocol/errors.ts';
import { nothingTaken } from '../blockdev/whole-transfers.ts';

/** What the device is to this run; it decides how its errors are called. */
export type DeviceRole = 'source' | 'target';

/** How a thread opens its device: the direct modes go past the page cache and need page-aligned memory. */
export type DeviceAccess = {
  readonly path: string;
  readonly label: string;
  readonly role: DeviceRole;
  readonly mode: 'read' | 'update' | 'direct-update';
  /** For messages: the number of a bad sector counts in these. 512 unless told. */
  readonly sectorSizeBytes?: number;
  /** Of a source: so that a bad sector can be told with its partition. */
  readonly partitions?: readonly { readonly number: number; readonly startBytes: number; readonly sizeBytes: number }[];
  /** Added to every offset: where on the device the bytes lie that this run speaks of. */
  readonly baseBytes?: number;
};

export type Device = Pick<DeviceAccess, 'label' | 'role' | 'partitions'> & {
  readonly fd: number;
  readonly sectorSizeBytes: number;
  readonly baseBytes: number;
};

/** @throws source-read or target-write, or the device's vanished error */
export function openDevice({ path, mode, ...given }: DeviceAccess): Device {
  const device = { sectorSizeBytes: 512, baseBytes: 0, ...given };
  const { O_RDONLY, O_RDWR, O_DIRECT } = fs.constants;
  const flags = { read: O_RDONLY, update: O_RDWR, 'direct-update': O_RDWR | O_DIRECT }[mode];
  try {
    return { ...device, fd: fs.openSync(path, flags) };
  } catch (cause) {
    throw ioError(device, device.role === 'source' ? 'source-read' : 'target-write', 'opening', null, cause);
  }
}

const goneCodes = new Set(['ENXIO', 'ENODEV', 'ENOENT', 'ESTALE', 'ENOMEDIUM']);

/** Fills `into` from `offsetBytes`, or at least its first `neededBytes` where the device ends. @throws source-read, source-vanished; for a target read-back-mismatch, target-vanished */
export function readFully(device: Device, into: Uint8Array, offsetBytes: number, neededBytes = into.length): void {
  const at = device.baseBytes + offsetBytes;
  for (let done = 0; done < neededBytes; ) {
    let count: number;
    try {
      count = fs.readSync(device.fd, into, done, into.length - done, at + done);
    } catch (cause) {
      throw ioError(
        device,
        device.role === 'source' ? 'source-read' : 'read-back-mismatch',
        'reading',
        firstBadByte(device, into.subarray(done), at + done, neededBytes - done),
        cause,
      );
    }
    if (count === 0) throw ended(device, at + done);
    done += count;
  }
}

/** Where in a range that does not read the fault lies: by reading it sector by sector, which takes pages where a page cache is between. */
function firstBadByte(device: Device, memory: Uint8Array, offsetBytes: number, lengthBytes: number): number {
  // The caller's memory, whose content is lost anyway, is aligned as reads past the page cache want it.
  const sector = memory.subarray(0, device.sectorSizeBytes);
  for (let at = offsetBytes; at < offsetBytes + lengthBytes; at += sector.length) {
    try {
      if (fs.readSync(device.fd, sector, 0, sector.length, at) === 0) return at;
    } catch (thrown) {
      // Past the page cache one sector may be too little, or its memory not aligned: that says nothing of the medium.
      return errnoOf(thrown) === 'EINVAL' ? offsetBytes : at;
    }
  }
  return offsetBytes;
}

/** Writes all of `from` at `offsetBytes`. @throws target-write, target-vanished */
export function writeFully(device: Device, from: Uint8Array, offsetBytes: number): void {
  const at = device.baseBytes + offsetBytes;
  for (let done = 0; done < from.length; ) {
    try {
      const count = fs.writeSync(device.fd, from, done, from.length - done, at + done);
      if (count === 0) throw nothingTaken();
      done += count;
    } catch (cause) {
      const bad = firstUnwritable(device, from.subarray(done), at + done);
      throw ioError(device, 'target-write', 'writing', bad, cause);
    }
  }
}

const pageBytes = 4096;

/** Where in a range that cannot be written the fault lies: by writing it page by page. */
function firstUnwritable(device: Device, from: Uint8Array, offsetBytes: number): number {
  for (let at = 0; at < from.length; at += pageBytes) {
    const page = from.subarray(at, at + pageBytes);
    try {
      if (fs.writeSync(device.fd, page, 0, page.length, offsetBytes + at) < page.length) return offsetBytes + at;
    } catch {
      return offsetBytes + at;
    }
  }
  return offsetBytes;
}

function ioError(
  device: Omit<Device, 'fd'>,
  otherwise: ErrorCode,
  doing: string,
  offsetBytes: number | null,
  cause: unknown,
): DeployError {
  const code = errnoOf(cause);
  const why = cause instanceof Error ? cause.message : String(cause);
  const gone = code !== undefined && goneCodes.has(code);
  return new DeployError(
    gone ? `${device.role}-vanished` : otherwise,
    `${doing} ${device.label}${offsetBytes === null ? '' : placeOf(device, offsetBytes)}: ${why}`,
    {
      cause,
      hint: gone ? 'Check its cable and power, and the kernel log.' : 'Check the kernel log and the disk’s health.',
    },
  );
}

function placeOf({ partitions = [], sectorSizeBytes }: Omit<Device, 'fd'>, offsetBytes: number): string {
  const inside = partitions.find((p) => offsetBytes >= p.startBytes && offsetBytes < p.startBytes + p.sizeBytes);
  const where = inside === undefined || inside.number === 0 ? '' : `, in partition ${inside.number}`;
  return ` at byte ${offsetBytes} (sector ${Math.floor(offsetBytes / sectorSizeBytes)}${where})`;
}

function ended(device: Device, offsetBytes: number): DeployError {
  return new DeployError(
    `${device.role}-vanished`,
    `reading ${device.label}: it ends at byte ${offsetBytes}, where it went on before`,
    { hint: 'It became shorter while it was read: was it replaced, cut or unplugged?' },
  );
}

/** The system's error code (`ENOSPC`) of a thrown value, if it has one. */
export function errnoOf(thrown: unknown): string | undefined {
  const code = typeof thrown === 'object' && thrown !== null ? (thrown as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : undefined;
}
