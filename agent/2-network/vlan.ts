// Second stage: the part of a NIC that is in a tagged network (IEEE 802.1Q), a device of its own to the kernel.
import { stat } from 'node:fs/promises';
import { bringUp } from './bring-up.ts';
import { busybox, ip } from './tools.ts';

/** IFNAMSIZ without its final zero, include/uapi/linux/if.h */
const maxNameLength = 15;

/** The device that carries addresses: the NIC itself, or its part in VLAN `id`, which is made if there is none. */
export async function ensureDevice(
  nic: { readonly name: string; readonly index: number },
  id: number | null,
): Promise<string> {
  if (id === null) return nic.name;
  const device = vlanName(nic, id);
  const exists = await stat(`/sys/class/net/${device}`).catch(() => null);
  if (exists === null) {
    // The kernel loads it by itself where modprobe is where it expects it.
    await busybox('modprobe', '-q', '8021q').catch(() => undefined);
    await ip('link', 'add', 'link', nic.name, 'name', device, 'type', 'vlan', 'id', String(id));
  }
  await bringUp(device);
  return device;
}

/** `eth0.5`; NICs whose names leave no room for that are named by their number. */
export function vlanName({ name, index }: { readonly name: string; readonly index: number }, id: number): string {
  const usual = `${name}.${id}`;
  return usual.length <= maxNameLength ? usual : `nic${index}.${id}`;
}
