// Second stage: which NICs the machine has and how they stand, read from sysfs.
import { readdir, readFile, readlink } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { basename } from 'node:path';
import type { Nic } from '../../protocol/inventory.ts';
import { listNetworks } from '../../protocol/magic-packet.ts';

const root = '/sys/class/net';
/** ARPHRD_ETHER, include/uapi/linux/if_arp.h */
const ethernet = '1';
const maxAddresses = 64;

/** A NIC, and the number by which the kernel knows it. Joined NICs (a bond) are one more NIC, and its members. */
export type LocalNic = Nic & {
  readonly index: number;
  /** The name of the bond; null for what is no member of one. */
  readonly memberOf: string | null;
  /** Of a member: carries nothing unless another one fails. */
  readonly inReserve: boolean;
};

/** Every Ethernet NIC in order of kernel name, numbers by value. `bootMac` marks the one the firmware booted from. */
export async function listNics(bootMac: string | null): Promise<LocalNic[]> {
  const names = (await readdir(root)).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const nics = await Promise.all(names.map((name) => readNic(name, bootMac)));
  return nics.filter((nic) => nic !== null);
}

async function readNic(name: string, bootMac: string | null): Promise<LocalNic | null> {
  const mac = await attribute(name, 'address');
  if (name === 'lo' || mac === null || (await attribute(name, 'type')) !== ethernet) return null;
  // A tagged network's part of a NIC is no NIC; its addresses are the NIC's.
  if (/^DEVTYPE=vlan$/m.test((await attribute(name, 'uevent')) ?? '')) return null;
  // Members of a bond show its address instead of their own.
  const ownMac = (await attribute(name, 'bonding_slave/perm_hwaddr')) ?? mac;
  const memberState = await attribute(name, 'bonding_slave/state');
  const memberOf = memberState === null ? null : await masterOf(name);
  const speed = Number(await attribute(name, 'speed'));
  const duplex = await attribute(name, 'duplex');
  return {
    name,
    index: Number(await attribute(name, 'ifindex')),
    mac: ownMac.toLowerCase(),
    driver: await readlink(`${root}/${name}/device/driver`).then(
      (target) => basename(target),
      async () => ((await attribute(name, 'bonding/mode')) === null ? null : 'bonding'),
    ),
    // Reading `carrier` of a NIC that is down fails; that is no link either.
    link: (await attribute(name, 'carrier')) === '1',
    speedMbps: Number.isInteger(speed) && speed > 0 ? speed : null,
    duplex: duplex === 'full' || duplex === 'half' ? duplex : null,
    ...(memberOf === null ? await addressesOf(name) : { addresses: [], networks: [] }),
    boot: ownMac.toLowerCase() === bootMac,
    errors: await countErrors(name),
    result: null,
    memberOf,
    inReserve: memberState === 'backup',
  };
}

async function masterOf(name: string): Promise<string | null> {
  return await readlink(`${root}/${name}/master`).then(
    (target) => basename(target),
    () => null,
  );
}

async function addressesOf(name: string): Promise<{ addresses: string[]; networks: string[] }> {
  const uppers = (await readdir(`${root}/${name}`).catch(() => [])).filter((file) => file.startsWith('upper_'));
  const devices = [name, ...uppers.map((file) => file.slice('upper_'.length))];
  const all = networkInterfaces();
  const own = devices.flatMap((device) => all[device] ?? []);
  return {
    addresses: own.map(({ address }) => address).slice(0, maxAddresses),
    networks: listNetworks({ [name]: own }).slice(0, maxAddresses),
  };
}

async function countErrors(name: string): Promise<number> {
  const counts = await Promise.all(['rx_errors', 'tx_errors'].map((file) => attribute(name, `statistics/${file}`)));
  const total = counts.reduce((sum, count) => sum + Number(count), 0);
  return Number.isSafeInteger(total) ? total : 0;
}

async function attribute(name: string, file: string): Promise<string | null> {
  const text = await readFile(`${root}/${name}/${file}`, 'utf8').catch(() => null);
  return text === null ? null : text.trim();
}

/** Whether `named`, a MAC address or a kernel name, means this NIC. */
export function isNamed(nic: Pick<Nic, 'name' | 'mac'>, named: string | null): boolean {
  return nic.mac === named || nic.name === named;
}

/** The order in which NICs are preferred: the one named on the command line (by MAC or name), the boot NIC, then by kernel name. */
export function orderNics<N extends Pick<Nic, 'name' | 'mac' | 'boot'>>(
  nics: readonly N[],
  preferred: string | null,
): N[] {
  const rank = (nic: N): number => (isNamed(nic, preferred) ? 0 : nic.boot ? 1 : 2);
  return nics.toSorted((a, b) => rank(a) - rank(b));
}
