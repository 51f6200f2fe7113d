// Who has reserved a disk that several machines share: SCSI-3 persistent reservations, as clusters use them (SPC-4, 5.12). R24.
import { toDeployError } from '../../protocol/errors.ts';
import { runTool } from '../run-tool.ts';
import { listDevicesBelow } from './devices-below.ts';

export type Reservations = {
  /** Of the machines that have registered with the disk, in hexadecimal. */
  readonly keys: readonly string[];
  /** The one that holds the reservation, and what that forbids others: `Write Exclusive, registrants only`. */
  readonly holder: { readonly key: string; readonly type: string } | null;
};

/** A path that hangs must not hang whoever asks. */
const patienceMs = 10_000;
const maxKeys = 1024;

/**
 * Of the disk at `path` or the partition's disk; of a LUN behind several paths, what the first that answers says. Null when it cannot be told:
 * a file, no SCSI, a disk that knows no reservations, or no `sg_persist`. Nothing is changed.
 */
export async function readReservations(path: string, signal?: AbortSignal): Promise<Reservations | null> {
  for (const devicePath of await listScsiDevices(path)) {
    const keys = await ask(devicePath, '--read-keys', signal);
    if (keys === null) continue;
    return parseReservations(keys, (await ask(devicePath, '--read-reservation', signal)) ?? '');
  }
  return null;
}

/** The SCSI device that `path` is or lies on; of a mapping, those below it. */
async function listScsiDevices(path: string): Promise<string[]> {
  const devices = await listDevicesBelow(path);
  return devices.filter(({ kernelName }) => /^sd[a-z]+$/.test(kernelName)).map(({ devicePath }) => devicePath);
}

async function ask(devicePath: string, what: string, signal: AbortSignal | undefined): Promise<string | null> {
  const timeout = AbortSignal.timeout(patienceMs);
  try {
    const { status, stdout } = await runTool('sg_persist', ['--no-inquiry', '--in', what, devicePath], {
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    });
    return status === 0 ? stdout : null;
  } catch (thrown) {
    if (signal?.aborted === true) throw thrown;
    if (timeout.aborted || toDeployError(thrown).code === 'tool-missing') return null;
    throw thrown;
  }
}

/** What sg_persist(8) prints for `--read-keys` and `--read-reservation`. */
export function parseReservations(keys: string, reservation: string): Reservations {
  const found = keys.matchAll(/^\s+0x([0-9a-f]{1,16})$/gm);
  const [, key] = /^\s*Key=0x([0-9a-f]{1,16})$/m.exec(reservation) ?? [];
  const [, type] = /^\s*scope: .*,\s+type: ([^\n]{1,80})$/m.exec(reservation) ?? [];
  return {
    keys: [...found].slice(0, maxKeys).map(([, digits]) => `0x${digits}`),
    holder: key === undefined ? null : { key: `0x${key}`, type: type?.trim() ?? 'unknown' },
  };
}
