// Second stage: which NICs the machine has and how they stand, read from sysfs.
import { readdir, readFile, readlink } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { basename } from 'node:path';
import type { Nic } from '../../protocol/inventory.ts';

const root = '/sys/class/net';
/** ARPHRD_ETHER, include/uapi/linux/if_arp.h */
const ethernet = '1';

/** Every Ethernet NIC in order of kernel name, numbers by value. `bootMac` marks the one the firmware booted from. */
export async function listNics(bootMac: string | null): Promise<Nic[]> {
  const names = (await readdir(root)).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const nics = await Promise.all(names.map((name) => readNic(name, bootMac)));
  return nics.filter((nic) => nic !== null);
}

async function readNic(name: string, bootMac: string | null): Promise<Nic | null> {
  const mac = await attribute(name, 'address');
  if (name === 'lo' || mac === null || (await attribute(name, 'type')) !== ethernet) return null;
  const speed = Number(await attribute(name, 'speed'));
  const duplex = await attribute(name, 'duplex');
  return {
    name,
    mac: mac.toLowerCase(),
    driver: await readlink(`${root}/${name}/device/driver`).then(
      (target) => basename(target),
      () => null,
    ),
    // Reading `carrier` of a NIC that is down fails; that is no link either.
    link: (await attribute(name, 'carrier')) === '1',
    speedMbps: Number.isInteger(speed) && speed > 0 ? speed : null,
    duplex: duplex === 'full' || duplex === 'half' ? duplex : null,
    addresses: (networkInterfaces()[name] ?? []).map(({ address }) => address),
    boot: mac.toLowerCase() === bootMac,
  };
}

async function attribute(name: string, file: string): Promise<string | null> {
  const text = await readFile(`${root}/${name}/${file}`, 'utf8').catch(() => null);
  return text === null ? null : text.trim();
}

/** The order in which NICs are preferred: the one named on the command line (by MAC or name), the boot NIC, then by kernel name. */
export function orderNics<N extends Pick<Nic, 'name' | 'mac' | 'boot'>>(
  nics: readonly N[],
  preferred: string | null,
): N[] {
  const rank = (nic: N): number => (nic.mac === preferred || nic.name === preferred ? 0 : nic.boot ? 1 : 2);
  return nics.toSorted((a, b) => rank(a) - rank(b));
}
