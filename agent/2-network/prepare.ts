// Second stage, before all else in it: the folder for its files, and manners that a machine with several NICs wants.
import { mkdir, writeFile } from 'node:fs/promises';

export const runDir = '/run/deploy-os';

/**
 * Each NIC answers ARP for its own addresses only, and asks by them: with two NICs on one network the server's packets would else come in
 * by whichever answered first, perhaps the slow one (Documentation/networking/ip-sysctl.rst, arp_ignore and arp_announce).
 */
export async function prepareNetwork(): Promise<void> {
  await mkdir(runDir, { recursive: true });
  for (const [name, value] of [
    ['arp_ignore', '1'],
    ['arp_announce', '2'],
  ] as const) {
    await writeFile(`/proc/sys/net/ipv4/conf/all/${name}`, value).catch(() => undefined);
  }
}

/**
 * What the kernel is to do by itself once the way is known to be good: packets that vanish later are sent again in smaller pieces (RFC 4821). Before, it
 * would hide the fault, which is a matter of both directions.
 */
export async function probeMtuFromNowOn(): Promise<void> {
  await writeFile('/proc/sys/net/ipv4/tcp_mtu_probing', '1').catch(() => undefined);
}
