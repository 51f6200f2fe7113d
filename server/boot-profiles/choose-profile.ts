// Which boot profile is a machine's: the one that a person has set, else the first with a rule that fits.
import type { BootProfile } from '../../protocol/boot-profile.ts';
import { fitsRule, type MachineFacts } from '../machines/machine-rule.ts';

/** `profiles` in their order; of `machine` what its boot loader says, and what is known of it; `setId` is what a person has set, if anything. */
export function chooseProfile(
  profiles: readonly BootProfile[],
  machine: MachineFacts,
  setId: string | null,
): BootProfile | null {
  const set = profiles.find(({ id }) => id === setId);
  return set ?? profiles.find(({ rules }) => rules.some((rule) => fitsRule(rule, machine))) ?? null;
}
