// Fifth stage: which disk a step means. A selector that matches none or several refuses the job; nothing is ever guessed.
import type { Disk } from '../../imaging/blockdev/disk.ts';
import { DeployError } from '../../protocol/errors.ts';
import type { DiskSelector } from '../../protocol/scenario.ts';
import { formatBytes } from '../screen/format.ts';

/** The one disk that `selector` names. @throws DeployError selector-none, selector-ambiguous, listing what is there. */
export function selectDisk(disks: readonly Disk[], selector: DiskSelector): Disk {
  const matching = disks.filter((disk) => matches(disk, selector));
  const [disk] = matching;
  if (disk !== undefined && matching.length === 1) return disk;
  const list =
    disks.length === 0 ? 'this machine shows no disk at all' : `this machine has ${disks.map(describeDisk).join('; ')}`;
  if (disk === undefined) {
    throw new DeployError('selector-none', `no disk matches ${describeSelector(selector)}: ${list}`, {
      hint: 'Nothing was read or written. Name one of these disks in the scenario.',
    });
  }
  throw new DeployError('selector-ambiguous', `${matching.length} disks match ${describeSelector(selector)}: ${list}`, {
    hint: 'Nothing was read or written. Name the disk by its id in the scenario.',
  });
}

/** `disk 1 /dev/sda (QEMU HARDDISK, serial 42, 8.0 GiB, id …)` */
export function describeDisk(disk: Disk): string {
  const facts = [
    disk.model,
    disk.serial === null ? null : `serial ${disk.serial}`,
    formatBytes(disk.sizeBytes),
    `id ${disk.id}`,
  ];
  return `disk ${disk.number} ${disk.devicePath} (${facts.filter((fact) => fact !== null).join(', ')})`;
}

function matches(disk: Disk, selector: DiskSelector): boolean {
  switch (selector.by) {
    case 'only':
      return true;
    case 'id':
      return disk.id === selector.id;
    case 'serial':
      return disk.serial?.trim() === selector.serial.trim();
    case 'wwn':
      return disk.wwn !== null && normaliseWwn(disk.wwn) === normaliseWwn(selector.wwn);
    case 'number':
      return disk.number === selector.number;
  }
}

/** Labels, arrays and kernels write the same name as `0x5000…`, `5000…`, `naa.5000…` or with colons. */
function normaliseWwn(text: string): string {
  return text
    .trim()
    .toLowerCase()
    .replace(/^(wwn-)?(0x|naa\.|eui\.|nvme\.)?/, '')
    .replaceAll(/[:-]/g, '');
}

function describeSelector(selector: DiskSelector): string {
  switch (selector.by) {
    case 'only':
      return "'only', a machine with a single disk";
    case 'id':
      return `id '${selector.id}'`;
    case 'serial':
      return `serial number '${selector.serial}'`;
    case 'wwn':
      return `WWN '${selector.wwn}'`;
    case 'number':
      return `number ${selector.number}`;
  }
}
