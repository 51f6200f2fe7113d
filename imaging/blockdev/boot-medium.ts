// Tells the stick or CD that carries the Deploy-OS: it is never a disk to be captured or overwritten.
import { readWithin } from './bounded-look.ts';
import type { DeviceNode } from './device-node.ts';

/** The volume's name in the ISO, which is an image for sticks too (initramfs/stages/boot-iso.ts). */
const volumeName = 'DEPLOY_OS';
/** ECMA-119, 8.4: the primary volume descriptor, and the volume identifier in it. */
const descriptorAtBytes = 32768;

/** Only of a removable disk: an internal one on which somebody has put the ISO is still a disk. */
export async function isBootMedium(node: DeviceNode): Promise<boolean> {
  if (!node.removable) return false;
  if (node.contents?.label === volumeName) return true;
  const look = await readWithin(node, (reader) => reader.read(descriptorAtBytes, 2048));
  const descriptor = look.answers ? look.seen : null;
  if (descriptor?.toString('latin1', 0, 6) !== '\x01CD001') return false;
  return descriptor.toString('latin1', 40, 72).trimEnd() === volumeName;
}
