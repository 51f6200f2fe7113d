// Where a single partition is restored to: the kernel's node for it where there is one, else a range of the disk.
import { DeployError } from '../../protocol/errors.ts';
import { windowOf } from '../blockdev/byte-reader.ts';
import { checkTarget, type TargetFacts } from '../blockdev/check-target.ts';
import { findMembership } from '../blockdev/member-signature.ts';
import { describeDiskFile, openReader, statDiskFile } from '../blockdev/open-reader.ts';
import { listPartitions, readAttribute, type SysfsDevice } from '../blockdev/sysfs.ts';
import type { Target } from '../blockdev/target.ts';
import { readTable } from '../partition/read-table.ts';

export type TargetPartition = {
  /** 0 for all of the target. */
  readonly number: number;
  /** What is opened, and where on it the partition lies. */
  readonly path: string;
  readonly kind: 'block' | 'file';
  readonly label: string;
  readonly startBytes: number;
  readonly sizeBytes: number;
  readonly sectorSizeBytes: number;
  /** Where on its disk the partition starts; null where nobody knows. */
  readonly diskStartBytes: number | null;
  /** The target that was named, and where on that the partition starts. */
  readonly named: TargetFacts;
  readonly namedStartBytes: number;
};

/** What was opened as a target that is the partition and no more: places on it count from where the image counts, which has the partition at `startBytes`. */
export function asPartition(opened: Target, to: TargetPartition, startBytes: number): Target {
  return { ...opened, startBytes, sizeBytes: startBytes + to.sizeBytes, baseBytes: to.startBytes - startBytes };
}

/**
 * Partition `number` of the disk at `path`, free to be overwritten; 0 is all of `path`.
 * @throws target-mounted, target-held, target-member, target-busy, target-read-only, device-not-found, invalid-input (no such partition)
 */
export async function findTargetPartition(
  path: string,
  number: number,
  options: { readonly allowMember: boolean },
): Promise<TargetPartition> {
  const described = await describeDiskFile(path, await statDiskFile(path));
  const { device, label } = described;
  const named = { ...described, exists: true };
  if (number === 0) {
    const whole = await checkedWhole(path, options);
    return { number, ...whole, diskStartBytes: await startOf(device), named, namedStartBytes: 0 };
  }
  const reader = await openReader(path);
  try {
    const found = await readTable(reader);
    const partitions = found.kind === 'table' ? found.table.partitions.filter(({ container }) => !container) : [];
    const partition = partitions.find((part) => part.number === number);
    if (partition === undefined) {
      const known = partitions.map((part) => part.number).join(', ') || 'none';
      throw new DeployError('invalid-input', `${label} has no partition ${number} to restore into; it has ${known}`);
    }
    const { startBytes, sizeBytes } = partition;
    const node = device === null ? null : await nodeOf(device, number, { startBytes, sizeBytes });
    const onDisk = { number, diskStartBytes: startBytes, named, namedStartBytes: startBytes };
    if (node !== null) return { ...(await checkedWhole(node, options)), ...onDisk };
    const facts = await checkTarget(path, { allowMember: true });
    const membership = options.allowMember ? null : await findMembership(windowOf(reader, startBytes, sizeBytes));
    if (membership !== null) throw memberError(`${label}, partition ${number},`, membership);
    const { kind, sectorSizeBytes } = facts;
    return { path, kind, label: `${label}, partition ${number}`, startBytes, sizeBytes, sectorSizeBytes, ...onDisk };
  } finally {
    await reader.close();
  }
}

async function checkedWhole(path: string, options: { readonly allowMember: boolean }) {
  const { kind, label, sizeBytes, sectorSizeBytes } = await checkTarget(path, options);
  return { path, kind, label, startBytes: 0, sizeBytes, sectorSizeBytes };
}

/** The kernel's node of the partition, if the kernel sees it where the table says that it is. */
async function nodeOf(
  device: SysfsDevice,
  number: number,
  place: { startBytes: number; sizeBytes: number },
): Promise<string | null> {
  for (const partition of await listPartitions('/', device)) {
    if ((await readAttribute(partition.directory, 'partition')) !== String(number)) continue;
    const size = Number(await readAttribute(partition.directory, 'size')) * 512;
    if ((await startOf(partition)) === place.startBytes && size === place.sizeBytes) return partition.devicePath;
  }
  return null;
}

/** sysfs counts in units of 512 bytes. */
async function startOf(device: SysfsDevice | null): Promise<number | null> {
  const start = device === null ? null : await readAttribute(device.directory, 'start');
  return start === null ? null : Number(start) * 512;
}

function memberError(what: string, membership: string): DeployError {
  return new DeployError('target-member', `${what} is a member of ${membership} and is not overwritten on its own`, {
    hint: 'Say explicitly that members are allowed (--member).',
  });
}
