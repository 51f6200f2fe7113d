// Does a rule (protocol/machine-rule.ts) fit a machine? For boot profiles and groups.
import { BlockList, isIP } from 'node:net';
import type { MachineRule } from '../../protocol/machine-rule.ts';
import { foldName } from '../fold-name.ts';

/** What rules ask about. */
export type MachineFacts = {
  readonly uuid: string | null;
  readonly serial: string | null;
  /** Lower case, with colons. */
  readonly macs: readonly string[];
  readonly manufacturer: string | null;
  readonly product: string | null;
  /** Where it asks from, or asked from last. */
  readonly addresses: readonly string[];
  readonly tags: readonly string[];
};

export function fitsRule(rule: MachineRule, machine: MachineFacts): boolean {
  const { mac, subnet, tag } = rule;
  return (
    (rule.manufacturer === undefined || isLike(machine.manufacturer, rule.manufacturer)) &&
    (rule.product === undefined || isLike(machine.product, rule.product)) &&
    (rule.serial === undefined || isLike(machine.serial, rule.serial)) &&
    (rule.uuid === undefined || rule.uuid.toLowerCase() === machine.uuid?.toLowerCase()) &&
    (mac === undefined || machine.macs.some((each) => each.startsWith(mac.toLowerCase().replaceAll('-', ':')))) &&
    (subnet === undefined || machine.addresses.some((address) => isIn(address, subnet))) &&
    (tag === undefined || machine.tags.some((each) => isLike(foldName(each), foldName(tag))))
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

function isIn(address: string, subnet: string): boolean {
  const [net = '', prefix] = subnet.split('/');
  const family = isIP(net) === 6 ? 'ipv6' : 'ipv4';
  if (isIP(address) !== isIP(net)) return false;
  const list = new BlockList();
  list.addSubnet(net, Number(prefix), family);
  return list.check(address, family);
}
