// Second stage: NICs that were to be joined become one (Documentation/networking/bonding.rst, "Configuring Bonding Manually via Sysfs").
import { readFile, stat, writeFile } from 'node:fs/promises';
import type { BondChoice } from '../1-boot/bond-choice.ts';
import { isNamed, type LocalNic } from './nics.ts';
import { busybox, ip } from './tools.ts';

const root = '/sys/class/net';

/**
 * Makes the bond, once one of its members is there, and joins to it those that are not in it yet. Answers whether anything has changed.
 * @throws Error what the kernel refuses, in its words; the NICs can then be used one by one.
 */
export async function ensureBond(choice: BondChoice, nics: readonly LocalNic[]): Promise<boolean> {
  const { name, members } = choice;
  // The bond itself has the MAC address of its first member.
  const single = nics.filter((nic) => nic.memberOf === null && nic.name !== name);
  const missing = single.filter((nic) => members.some((member) => isNamed(nic, member)));
  if (missing.length === 0) return false;
  if ((await stat(`${root}/${name}/bonding`).catch(() => null)) === null) await createBond(choice);
  for (const nic of missing) {
    // The kernel takes no member that is up.
    await ip('link', 'set', 'dev', nic.name, 'down');
    await set(`${name}/bonding/slaves`, `+${nic.name}`);
  }
  return true;
}

async function createBond({ name, options }: BondChoice): Promise<void> {
  // By itself it would make a bond0 that nobody has asked for.
  await busybox('modprobe', '-q', 'bonding', 'max_bonds=0').catch(() => undefined);
  await set('bonding_masters', `+${name}`);
  try {
    for (const [option, value] of options) await set(`${name}/bonding/${option}`, value);
  } catch (thrown) {
    await set('bonding_masters', `-${name}`).catch(() => undefined);
    throw thrown;
  }
}

async function set(file: string, value: string): Promise<void> {
  await writeFile(`${root}/${file}`, value).catch((cause: NodeJS.ErrnoException) => {
    throw new Error(`${file.split('/').at(-1)} ${value}: ${cause.code}`, { cause });
  });
}

/** Whether the switch answers LACP; null where it is not spoken. IEEE 802.1AX: a partner that is not there is all zeros. */
export async function hasLacpPartner(bond: string): Promise<boolean | null> {
  const partner = await readFile(`${root}/${bond}/bonding/ad_partner_mac`, 'utf8').catch(() => '');
  return partner.trim() === '' ? null : !/^00(:00){5}$/.test(partner.trim());
}
