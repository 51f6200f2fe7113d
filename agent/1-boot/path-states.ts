// What multipathd knows of paths and the kernel does not show: one that answers its adapter, and no longer gives the LUN.
import type { Disk } from '../../imaging/blockdev/disk.ts';
import { runBounded } from './bounded-tool.ts';

const askWithinMs = 10_000;

/** The same disks; a path that the kernel holds for good, and multipathd does not, has multipathd's word as its state. */
export async function addPathStates(disks: readonly Disk[]): Promise<Disk[]> {
  if (!disks.some(({ kind }) => kind === 'multipath')) return [...disks];
  const { ok, said } = await runBounded('multipathd', ['show', 'paths', 'raw', 'format', '%d %T'], askWithinMs);
  const states = parsePathStates(ok ? said : '');
  return disks.map((disk) => {
    if (disk.kind !== 'multipath') return disk;
    const parts = disk.parts.map((part) => {
      const said =
        part.state === 'running' || part.state?.startsWith('active/') ? states.get(part.devicePath) : undefined;
      return said === undefined ? part : { ...part, state: said };
    });
    return { ...disk, parts };
  });
}

/** By device path, of lines such as `sda faulty`; those that are `ready`, and those that were not looked at yet, are left out. See multipathd(8), path_format. */
export function parsePathStates(text: string): Map<string, string> {
  const lines = [...text.matchAll(/^\s*(sd[a-z]+)\s+(faulty|shaky|ghost|delayed|i\/o timeout|i\/o pending)\s*$/gm)];
  return new Map(lines.map(([, name, state]) => [`/dev/${name}`, state as string]));
}
