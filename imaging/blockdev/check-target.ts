// Refuses a target that anybody uses, before a restore writes its first byte.
import { access, constants, open, realpath, stat } from 'node:fs/promises';
import { DeployError } from '../../protocol/errors.ts';
import { refuseErasing } from '../wipe/refuse-erasing.ts';
import { findUses, type Use } from './device-uses.ts';
import { readLocks, refuseLocked } from './locks.ts';
import { findMembership } from './member-signature.ts';
import { type DiskFile, describeDiskFile, openReader, statDiskFile } from './open-reader.ts';
import { readAttribute } from './sysfs.ts';

export type TargetFacts = {
  readonly kind: 'block' | 'file';
  /** 0 for a file that does not exist yet. */
  readonly sizeBytes: number;
  readonly sectorSizeBytes: number;
  readonly label: string;
  readonly exists: boolean;
};

export type TargetOptions = {
  readonly allowMember?: boolean;
  /** Its content cannot be read, and is to go. */
  readonly allowLocked?: boolean;
};

/**
 * What stands at `path`, if it may be overwritten: a free block device, a regular file, or nothing yet (a file to be made).
 * @throws DeployError target-mounted, target-held (swap, arrays, volumes), target-member, target-read-only, target-busy, disk-locked, disk-erasing,
 * device-not-found (a missing node below /dev, a missing folder), invalid-input
 */
export async function checkTarget(
  path: string,
  { allowMember = false, allowLocked = false }: TargetOptions = {},
): Promise<TargetFacts> {
  if (!(await exists(path))) return await describeNewFile(path);
  const facts = await describeDiskFile(path, await statDiskFile(path));
  await refuseReadOnly(path, facts);
  const uses = await findUses(
    '/',
    facts.device === null ? { filePath: await realpath(path) } : { device: facts.device },
  );
  refuseUses(facts.label, uses);
  await refuseErasing(path, facts.label);
  if (!allowLocked) refuseLocked(facts.label, await readLocks(path));
  if (!allowMember && !allowLocked) await refuseMember(path, facts, 'target-member', 'overwritten');
  if (facts.kind === 'block') await refuseBusy(path, facts.label);
  const { kind, sizeBytes, sectorSizeBytes, label } = facts;
  return { kind, sizeBytes, sectorSizeBytes, label, exists: true };
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

async function describeNewFile(path: string): Promise<TargetFacts> {
  const folder = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) || '/' : '.';
  if (path.startsWith('/dev/') || path.endsWith('/') || !(await exists(folder))) {
    throw new DeployError('device-not-found', `${path}: no such device, and no place for a new file`);
  }
  return { kind: 'file', sizeBytes: 0, sectorSizeBytes: 512, label: path, exists: false };
}

async function refuseReadOnly(path: string, facts: DiskFile): Promise<void> {
  const flag = facts.device === null ? null : await readAttribute(facts.device.directory, 'ro');
  const writable = await access(path, constants.W_OK).then(
    () => true,
    () => false,
  );
  if (flag === '1' || !writable)
    throw new DeployError('target-read-only', `${facts.label} is read-only; nothing was written to it`);
}

function refuseUses(label: string, uses: readonly Use[]): void {
  const mounted = uses.filter((use) => use.kind === 'mounted');
  const [first] = mounted.length > 0 ? mounted : uses;
  if (first === undefined) return;
  const code = first.kind === 'mounted' ? 'target-mounted' : 'target-held';
  const hint = {
    mounted: 'Unmount it first.',
    swap: 'Switch this swap off first (swapoff).',
    held: 'Stop the array or volume first.',
  }[first.kind];
  throw new DeployError(code, `${label}: ${uses.map((use) => use.text).join(', ')}; nothing was written to it`, {
    hint,
  });
}

/** Refuses what carries the mark of an array's or a volume group's member, whether or not that runs now. */
export async function refuseMember(
  path: string,
  facts: DiskFile,
  code: 'target-member' | 'source-member',
  done: string,
): Promise<void> {
  if (facts.sizeBytes === 0) return;
  const reader = await openReader(path);
  try {
    const membership = await findMembership(reader);
    if (membership === null) return;
    throw new DeployError(code, `${facts.label} is a member of ${membership} and is not ${done} on its own`, {
      hint: 'Name the array instead, or say explicitly that members are allowed (--member).',
    });
  } finally {
    await reader.close();
  }
}

/** The kernel's own word: an exclusive open fails while anything has claimed the device, also in another mount namespace. */
async function refuseBusy(path: string, label: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_EXCL).catch((thrown: unknown) => {
    if ((thrown as NodeJS.ErrnoException).code !== 'EBUSY') return null;
    throw new DeployError('target-busy', `${label} is in use; nothing was written to it`, {
      cause: thrown,
      hint: 'Another program or mount namespace has claimed it.',
    });
  });
  await handle?.close();
}
