// How much an ATA disk keeps from everybody behind a host-protected area (ACS-2, 4.11), by the kernel's own words when it found the disk:
// nothing in sysfs says it, and asking the disk again would take a command of its own (Linux drivers/ata/libata-core.c, ata_hpa_resize).
import type { DeviceNode } from './device-node.ts';

export type AtaDisk = {
  readonly sectors: number;
  /** All that it has; null where the disk or the kernel did not say. */
  readonly nativeSectors: number | null;
};

const message = /^\d+,\d+,\d+,[^;]*;ata(\d+\.\d+): (.*)$/;
const count = '(\\d{1,15})';
/** What the kernel says of the area before it says the size, and which of the numbers is what the disk really has. */
const natives: readonly RegExp[] = [
  new RegExp(`^HPA detected: current \\d+, native ${count}$`),
  new RegExp(`^HPA unlocked: \\d+ -> \\d+, native ${count}$`),
  new RegExp(`^device aborted resize \\(\\d+ -> ${count}\\), skipping HPA handling$`),
];
/** Anything else about it: the kernel has not asked, or has no answer that means anything. */
const silent = /^(HPA |native sectors |device aborted resize |Model .* applying quirks:.* brokenhpa\b)/;
const size = new RegExp(`^${count} sectors, multi \\d+`);

/** By the kernel's name of the device on its port (`3.00`), as it was found last. `log` is what `readAtaLog` gives. */
export function parseAtaLog(log: string): ReadonlyMap<string, AtaDisk> {
  const lines = log.split('\n');
  // Where the first messages of this boot have been overwritten, the one about the area may have been among them.
  const whole = /^\d+,0,/.test(lines[0] ?? '');
  const disks = new Map<string, AtaDisk>();
  const told = new Map<string, number | null>();
  for (const line of lines) {
    const [, name, said] = message.exec(line) ?? [];
    if (name === undefined || said === undefined) continue;
    const native = natives.map((pattern) => pattern.exec(said)?.[1]).find((digits) => digits !== undefined);
    if (native !== undefined) told.set(name, Number(native));
    else if (silent.test(said)) told.set(name, null);
    const sectors = size.exec(said)?.[1];
    if (sectors === undefined) continue;
    const nothing = whole ? Number(sectors) : null;
    disks.set(name, { sectors: Number(sectors), nativeSectors: told.has(name) ? (told.get(name) ?? null) : nothing });
    told.delete(name);
  }
  return disks;
}

/** A disk of libata: the kernel names it by port, and by its number there or, behind a port multiplier, the multiplier's port (`ata_dev_printk`, `ata_scsi_scan_host`). */
const onPort = /\/ata(\d+)\/host\d+\/target[\d:]+\/\d+:(\d+):(\d+):0\/block\/[^/]+$/;

export function isAtaDisk({ directory }: Pick<DeviceNode, 'directory'>): boolean {
  return onPort.test(directory);
}

/** Bytes; 0 is none, null not known, as of everything that is no ATA disk. */
export function findHiddenBytes(
  { directory, sizeBytes, sectorSizeBytes }: Pick<DeviceNode, 'directory' | 'sizeBytes' | 'sectorSizeBytes'>,
  disks: ReadonlyMap<string, AtaDisk>,
): number | null {
  const [, port, channel, target] = onPort.exec(directory) ?? [];
  if (port === undefined) return null;
  const disk = disks.get(`${port}.${String(Number(channel) + Number(target)).padStart(2, '0')}`);
  // Of another size: the messages are of a disk that hung there before, or somebody has changed the area since.
  if (disk === undefined || disk.nativeSectors === null || disk.sectors * sectorSizeBytes !== sizeBytes) return null;
  const hidden = (disk.nativeSectors - disk.sectors) * sectorSizeBytes;
  return hidden >= 0 && Number.isSafeInteger(hidden) ? hidden : null;
}

/** Of an array or a LUN all that its members or paths hide; not known as long as any is not and none hides anything. */
export function sumHiddenBytes(parts: readonly (number | null)[]): number | null {
  const known = parts.filter((bytes) => bytes !== null).reduce((sum, bytes) => sum + bytes, 0);
  return known === 0 && parts.includes(null) ? null : known;
}
