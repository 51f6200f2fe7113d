// Second stage: a NIC finds its link only when it is up.
import { readFile } from 'node:fs/promises';
import { ip } from './tools.ts';

/** IFF_UP, include/uapi/linux/if.h */
const up = 1;

/** Brings the device up unless it is. */
export async function bringUp(device: string): Promise<void> {
  const flags = Number(await readFile(`/sys/class/net/${device}/flags`, 'utf8').catch(() => '0'));
  if ((flags & up) === 0) await ip('link', 'set', 'dev', device, 'up');
}
