// First stage: NICs that are to be joined, as `deploy.bond` says it: nearly dracut's `bond=` (dracut.cmdline(7)), with MAC addresses too.
import { macOf } from './settings.ts';

export type BondChoice = {
  readonly name: string;
  /** MAC addresses (lower case, colons) or kernel names. */
  readonly members: readonly string[];
  /** By their names in sysfs (Documentation/networking/bonding.rst), in the order in which they are to be set. */
  readonly options: readonly (readonly [name: string, value: string])[];
};

const mac = '[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}';
/** What the kernel takes for a name (dev_valid_name, net/core/dev.c), without what has a meaning here. */
const nic = '[^\\s/:,=]{1,15}';
const pattern = new RegExp(`^([a-z][\\w-]{0,14}):((?:${mac}|${nic})(?:,(?:${mac}|${nic}))*)(?::(.*))?$`, 'i');

const modes = [
  ...['active-backup', '802.3ad', 'balance-rr', 'balance-xor', 'broadcast', 'balance-tlb', 'balance-alb'],
] as const;
const number = /^\d{1,6}$/;
/** The mode first, on which others depend. The rest in the order in which the kernel wants them: delays are rounded to `miimon`. */
const optionValues: Readonly<Record<string, RegExp>> = {
  mode: new RegExp(`^(${modes.join('|').replaceAll('.', '\\.')})$`),
  miimon: number,
  updelay: number,
  downdelay: number,
  lacp_rate: /^(slow|fast)$/,
  xmit_hash_policy: /^(layer2|layer2\+3|layer3\+4|encap2\+3|encap3\+4|vlan\+srcmac)$/,
  ad_select: /^(stable|bandwidth|count)$/,
  min_links: number,
  fail_over_mac: /^(none|active|follow)$/,
  primary_reselect: /^(always|better|failure)$/,
};
/** Any switch takes it; and without `miimon` the kernel does not see that a link is lost. */
const defaults = { mode: 'active-backup', miimon: '100' } as const;

/** Reads `NAME:MEMBER,MEMBER…[:OPTION=VALUE,…]`; a string says what is wrong. */
export function parseBondChoice(text: string): BondChoice | string {
  const [, name, list, options = ''] = pattern.exec(text) ?? [];
  if (name === undefined || list === undefined) {
    return 'NAME:MEMBER,MEMBER[:OPTION=VALUE,…] is wanted, for example bond0:eth0,eth1:mode=802.3ad';
  }
  const members = list.split(',').map((member) => macOf(member) ?? member);
  if (new Set(members).size < members.length) return 'a member stands there twice';
  if (members.includes(name)) return `'${name}' is the name of the bond and of a member`;
  const given = new Map<string, string>(Object.entries(defaults));
  for (const option of options.split(',').filter((one) => one !== '')) {
    const [key = '', value = ''] = option.split(/=(.*)/s);
    const values = Object.hasOwn(optionValues, key) ? optionValues[key] : undefined;
    if (values === undefined) return `'${key}' is none of its options: ${Object.keys(optionValues).join(', ')}`;
    if (!values.test(value)) return `'${value}' is no value of ${key}${key === 'mode' ? `: ${modes.join(', ')}` : ''}`;
    given.set(key, value);
  }
  const order = Object.keys(optionValues);
  return { name, members, options: [...given].toSorted(([a], [b]) => order.indexOf(a) - order.indexOf(b)) };
}
