// Which boot profile is a machine's: the one that a person has set, else the first with a rule that fits.
import { BlockList, isIP } from 'node:net';
import type { BootProfile, BootRule } from '../../protocol/boot-profile.ts';

/** What the machine's boot loader says, and what its agent said when it was last here. */
export type BootingMachine = {
  readonly uuid: string | null;
  /** Lower case, with colons. */
  readonly macs: readonly string[];
  readonly manufacturer: string | null;
  readonly product: string | null;
  /** Where it asks from. */
  readonly address: string | null;
};

/** `profiles` in their order; `setId` is what a person has set, if anything. */
export function chooseProfile(
  profiles: readonly BootProfile[],
  machine: BootingMachine,
  setId: string | null,
): BootProfile | null {
  const set = profiles.find(({ id }) => id === setId);
  return set ?? profiles.find(({ rules }) => rules.some((rule) => fits(rule, machine))) ?? null;
}

function fits(rule: BootRule, { uuid, macs, manufacturer, product, address }: BootingMachine): boolean {
  const { mac, subnet } = rule;
  return (
    (rule.manufacturer === undefined || isLike(manufacturer, rule.manufacturer)) &&
    (rule.product === undefined || isLike(product, rule.product)) &&
    (rule.uuid === undefined || rule.uuid.toLowerCase() === uuid?.toLowerCase()) &&
    (mac === undefined || macs.some((each) => each.startsWith(mac.toLowerCase().replaceAll('-', ':')))) &&
    (subnet === undefined || isIn(address, subnet))
  );
}

/** Step by step and not by a regular expression, which a pattern of many `*` could keep busy for ever. */
export function isLike(text: string | null, pattern: string): boolean {
  if (text === null) return false;
  const [letters, wanted] = [[...text.trim().toLowerCase()], [...pattern.toLowerCase()]];
  let [at, next, star, retry] = [0, 0, -1, 0];
  while (at < letters.length) {
    if (wanted[next] === '*') [star, retry] = [next++, at];
    else if (wanted[next] === '?' || (next < wanted.length && wanted[next] === letters[at]))
      [at, next] = [at + 1, next + 1];
    else if (star >= 0) [at, next] = [++retry, star + 1];
    else return false;
  }
  return wanted.slice(next).every((letter) => letter === '*');
}

function isIn(address: string | null, subnet: string): boolean {
  const [net = '', prefix] = subnet.split('/');
  const family = isIP(net) === 6 ? 'ipv6' : 'ipv4';
  if (address === null || isIP(address) !== isIP(net)) return false;
  const list = new BlockList();
  list.addSubnet(net, Number(prefix), family);
  return list.check(address, family);
}
