// Rules that tell machines apart, as they are shown and filled in.
import type { MachineRule } from '../../../protocol/machine-rule.ts';

export const ruleKeys = ['manufacturer', 'product', 'serial', 'mac', 'uuid', 'subnet', 'tag'] as const;
export type RuleKey = (typeof ruleKeys)[number];
export type RuleDraft = Partial<Record<RuleKey, string>>;

/** `Model Z2*, MAC address begins with 52:54:00` */
export function describeRule(rule: MachineRule, words: Record<RuleKey, string>): string {
  return ruleKeys
    .filter((key) => rule[key] !== undefined)
    .map((key) => `${words[key]} ${rule[key]}`)
    .join(', ');
}

/** Without what is empty; null when nothing is said. */
export function ruleOf(draft: RuleDraft): MachineRule | null {
  const said = Object.entries(draft).filter(([, value]) => value.trim() !== '');
  return said.length === 0
    ? null
    : (Object.fromEntries(said.map(([key, value]) => [key, value.trim()])) as MachineRule);
}

/** `a, b` → a and b */
export function listOf(text: string): string[] {
  return text
    .split(/[,、]/)
    .map((part) => part.trim())
    .filter(Boolean);
}
