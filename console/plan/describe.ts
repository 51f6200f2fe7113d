// What a plan means for whoever is about to run it: which machines can, and what has to be confirmed.
import type { MachinePlan, Plan } from '../../protocol/plan.ts';

/** Machines whose disks would be overwritten, in the plan's order. */
export function listOverwritten(plan: Plan): MachinePlan[] {
  return plan.machines.filter(({ overwrites }) => overwrites);
}

/** To be overwritten without that a check has read what is on it: only what was read can be approved. */
export function needsCheck({ overwrites, check }: MachinePlan): boolean {
  return overwrites && check?.kind !== 'check';
}

export function canRun(plan: MachinePlan): boolean {
  return !plan.refused && !needsCheck(plan);
}

/** Whoever overwrites several machines types the name of the last in the list; upper and lower case are the same. */
export function nameToType(plan: Plan): string | null {
  const overwritten = listOverwritten(plan);
  return overwritten.length < 2 ? null : (overwritten.at(-1)?.machineName ?? null);
}

export function isTyped(typed: string, name: string): boolean {
  const folded = (text: string): string => text.trim().normalize('NFC').toLowerCase();
  return folded(typed) === folded(name);
}
