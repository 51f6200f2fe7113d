// A wipe in a plan: in which way the disk would erase itself, by what its newest check says of it; chosen by the code that the agent runs.
import { chooseEraseWay, erasesItself, nameEraseWay } from '../../imaging/wipe/erase-ways.ts';
import type { CheckedDisk } from '../../protocol/disk-check.ts';
import type { Step } from '../../protocol/scenario.ts';
import { describeDisk } from '../../protocol/select-disk.ts';

type WipeStep = Extract<Step, { kind: 'wipe' }>;

/** The way, or null for what is done from outside; null also where nobody knows. @throws DeployError wipe-unsupported */
export function planWipe({ method }: WipeStep, disk: CheckedDisk): string | null {
  if (disk.erase === null || isLeftLocked(method, disk)) return null;
  return chooseEraseWay(method, disk.erase, describeDisk(disk));
}

/** A check does not try passwords. */
function isLeftLocked(method: WipeStep['method'], { locks }: CheckedDisk): boolean {
  return method === 'secure-erase' && (locks.ata === 'locked' || locks.ata === 'open');
}

/** `auto: Sanitize (block erase), the strongest that it has` */
export function describeWipe(step: WipeStep, disk: CheckedDisk | null): string {
  const { method } = step;
  if (disk === null || !erasesItself(method)) return method;
  if (disk.erase === null) return `${method}: in which way, a check of its disks would say`;
  if (isLeftLocked(method, disk))
    return `${method}: with the password of an erase that was cut off, if that is what locks it`;
  const { ways, hindrances } = disk.erase;
  try {
    const way = planWipe(step, disk);
    if (way !== null)
      return `${method}: ${nameEraseWay(way)}, the strongest ${ways[0] === way ? 'that it has' : 'of those that are asked for'}`;
    const why = hindrances.length === 0 ? 'it has no way to erase itself' : hindrances.join('; ');
    return `${method}: overwritten, because ${why}`;
  } catch {
    return `${method}: refused`;
  }
}
