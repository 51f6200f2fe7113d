// `deploy-os disks`: the disks of this machine, as the rest of Deploy-OS names and numbers them.
import type { Command } from 'commander';
import type { Disk } from '../imaging/blockdev/disk.ts';
import { listDisks } from '../imaging/blockdev/list-disks.ts';
import { formatBytes, printJson, printTable } from './output.ts';

export function addCommands(program: Command): void {
  program
    .command('disks')
    .description('List the disks of this machine (docs/disks.md says how they are named and numbered)')
    .option('--json', 'print the list as JSON')
    .action(async (flags: { json?: true }) => {
      const disks = await listDisks();
      if (flags.json) printJson(disks);
      else printTable(['no.', 'device', 'size', 'bus', 'model', 'id', 'members', 'in use'], disks.map(toRow));
    });
}

function toRow(disk: Disk): string[] {
  const { number, devicePath, sizeBytes, bus, removable, readOnly, model, id, members, inUseBy } = disk;
  const uses = [...(readOnly ? ['read-only'] : []), ...inUseBy].join('; ');
  const kind = removable ? `${bus} (removable)` : bus;
  return [
    String(number),
    devicePath,
    formatBytes(sizeBytes),
    kind,
    model ?? '-',
    id,
    members.join(' ') || '-',
    uses || '-',
  ];
}
