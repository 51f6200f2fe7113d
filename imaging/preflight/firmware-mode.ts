// Which firmware a disk boots from, as far as its table tells: UEFI by a system partition, BIOS by boot code that has something to start.
import type { Manifest } from '../manifest/manifest.ts';

export type Firmware = 'bios' | 'uefi';

const systemPartitions = ['c12a7328-f81f-11d2-ba4b-00a0c93ec93b', 'ef'];
const biosBootPartition = '21686148-6449-6e6f-744e-656564454649';
const bootCodeBytes = 440;

/** Both for a disk that boots from either, neither for one that boots from none. */
export function readFirmwareModes({
  partitions,
  tableSectors,
  geometry,
}: Pick<Manifest, 'partitions' | 'tableSectors' | 'geometry'>): ReadonlySet<Firmware> {
  const modes = new Set<Firmware>();
  const types = partitions.map(({ type }) => type?.toLowerCase() ?? '');
  if (types.some((type) => systemPartitions.includes(type))) modes.add('uefi');
  const first = tableSectors.find(({ offsetBytes }) => offsetBytes === 0);
  const record = Buffer.from(first?.base64 ?? '', 'base64');
  if (record.length < 512 || record.subarray(0, bootCodeBytes).every((byte) => byte === 0)) return modes;
  const active = [446, 462, 478, 494].some((at) => record.readUInt8(at) === 0x80);
  // GRUB starts its own image, whatever is active.
  const grub = record.includes('GRUB') && geometry.table === 'mbr';
  if (grub || (active && geometry.table === 'mbr') || types.includes(biosBootPartition)) modes.add('bios');
  return modes;
}
