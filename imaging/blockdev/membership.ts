// What a device is a member of, by the marks on it: for the list of disks, and for one that was recorded on another machine.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DeviceNode } from './device-node.ts';
import { findMembership } from './member-signature.ts';
import { openReader } from './open-reader.ts';

/** Where a recorded tree says it: the devices themselves are not there. */
export function membershipFile(root: string, kernelName: string): string {
  return join(root, 'run/deploy-os/membership', kernelName);
}

/** A disk that cannot be read is still a disk: what it belongs to is then unknown, and whoever reads it gets the error. */
export async function readMembership(devicePath: string): Promise<string | null> {
  const reader = await openReader(devicePath).catch(() => null);
  const membership = reader === null ? null : await findMembership(reader).catch(() => null);
  await reader?.close();
  return membership;
}

/** As `readMembership`, below `/` or a recorded tree. */
export async function describeMembership(root: string, { devicePath, kernelName }: DeviceNode): Promise<string[]> {
  const recorded = root === '/' ? null : await readFile(membershipFile(root, kernelName), 'utf8').catch(() => null);
  const membership = recorded ?? (await readMembership(devicePath));
  return membership === null ? [] : [`${devicePath} is a member of ${membership}`];
}
