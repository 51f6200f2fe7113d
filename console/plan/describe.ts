// What a plan means for whoever is about to run it: which machines can, and what has to be confirmed.
import type { MachinePlan, Plan } from '../../protocol/plan.ts';

/** Machines whose disks would be overwritten, in the plan's order. */
export function listOverwritten(plan: Plan): MachinePlan[] {
  return plan.machines.filter(({ overwrites }) => overwrites);
}

/** Refused, or to be overwritten without that anybody has seen what is on it. */
export function canRun({ refused, overwrites, check }: MachinePlan): boolean {
  return !refused && (!overwrites || check !== null);
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
