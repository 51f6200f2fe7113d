// Every block device that the kernel shows, also those that are no disks, and why not: for whoever misses one in the list of disks.
import { isBootMedium } from './boot-medium.ts';
import { readDeviceGraph } from './device-graph.ts';
import type { DeviceKind, DeviceNode } from './device-node.ts';
import { comparePlaces } from './place.ts';

export type Device = Omit<DeviceNode, 'directory' | 'udev'> & {
  /** Why `listDisks` does not show it; null when it does, or shows it as a part of one that it shows. */
  readonly noDisk: string | null;
};

const reasons: Partial<Record<DeviceKind, string>> = {
  mapping: 'a volume or an encrypted mapping; its disk is listed',
  container: 'the metadata of a firmware RAID, which holds no bytes itself',
  empty: 'a drive without a medium',
  optical: 'an optical drive',
  floppy: 'a floppy drive',
  loop: 'a file',
  memory: 'memory',
  flash: 'flash memory without a translation layer',
  'boot-area': "an eMMC's boot area",
  network: 'a disk of another machine',
};

/** In the order of their places. `root` is `/`, or where a recorded tree lies. */
export async function listDevices(root = '/'): Promise<Device[]> {
  const nodes = [...(await readDeviceGraph(root)).values()].filter(isSet);
  const devices = nodes.map(async ({ directory: _, udev: __, ...device }, i) => {
    const medium = device.kind === 'disk' && (await isBootMedium(nodes[i] as DeviceNode));
    return { ...device, noDisk: medium ? 'the medium that carries the Deploy-OS' : (reasons[device.kind] ?? null) };
  });
  return (await Promise.all(devices)).sort((a, b) => comparePlaces(a.place, b.place));
}

/** The kernel keeps unused loop and memory devices ready, in no use and of no size. */
function isSet({ kind, sizeBytes }: DeviceNode): boolean {
  return sizeBytes > 0 || (kind !== 'loop' && kind !== 'memory');
}
