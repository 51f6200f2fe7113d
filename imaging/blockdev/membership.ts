// What a device is a member of, by the marks on it: for the list of disks, and for one that was recorded on another machine.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Look, type LookedAt, readWithin } from './bounded-look.ts';
import type { DeviceNode } from './device-node.ts';
import { findMembership } from './member-signature.ts';

/** Where a recorded tree says it: the devices themselves are not there. */
export function membershipFile(root: string, kernelName: string): string {
  return join(root, 'run/deploy-os/membership', kernelName);
}

/** A disk that cannot be read is still a disk: what it belongs to is then unknown, and whoever reads it gets the error. */
export async function readMembership(device: LookedAt): Promise<Look<string | null>> {
  return await readWithin(device, findMembership);
}

/** As `readMembership`, below `/` or a recorded tree, in words. */
export async function describeMembership(root: string, device: DeviceNode): Promise<string[]> {
  const { devicePath, kernelName } = device;
  const recorded = root === '/' ? null : await readFile(membershipFile(root, kernelName), 'utf8').catch(() => null);
  const look = recorded === null ? await readMembership(device) : ({ answers: true, seen: recorded } as const);
  if (!look.answers) return [`${devicePath} ${look.why}`];
  return look.seen === null ? [] : [`${devicePath} is a member of ${look.seen}`];
}
