// A schedule while it is filled in, new or one that is there, and what of it the server is told.
import type { Keep, Schedule, Window } from '../../../protocol/schedule.ts';
import { listOf } from '../settings/rules.ts';
import { draftOfWhen, newWhen, type WhenDraft, whenOf } from './when.ts';

export const keepKeys = ['last', 'daily', 'weekly', 'monthly', 'yearly'] as const satisfies (keyof Keep)[];

export type ScheduleDraft = {
  name: string;
  /** Their ids; empty: none is chosen. */
  scenario: string;
  group: string;
  /** By commas, if there is no group. */
  machines: string;
  when: WhenDraft;
  windows: Window[];
  lateMinutes: number;
  overlap: Schedule['overlap'];
  keep: Record<(typeof keepKeys)[number], number | null>;
  wake: boolean;
};

const keepsAll: ScheduleDraft['keep'] = { last: null, daily: null, weekly: null, monthly: null, yearly: null };

export function newDraft(timeZone: string): ScheduleDraft {
  return {
    ...{ name: '', scenario: '', group: '', machines: '', when: newWhen(timeZone), windows: [], lateMinutes: 0 },
    ...{ overlap: 'skip', keep: { ...keepsAll }, wake: true },
  };
}

/** The night, on all days, until somebody says otherwise. */
export function newWindow(timeZone: string): Window {
  return { days: [1, 2, 3, 4, 5, 6, 7], from: '22:00', to: '05:00', timeZone };
}

export function draftOf(schedule: Schedule, timeZone: string): ScheduleDraft {
  const { name, scenarioName, scenarioId, group, machines, when, windows, lateMinutes, overlap, keep, wake } = schedule;
  return {
    ...{ name, lateMinutes, overlap, wake, group: group?.id ?? '' },
    scenario: scenarioName === null ? '' : scenarioId,
    machines: (machines ?? []).map((machine) => machine.name ?? machine.id).join(', '),
    when: draftOfWhen(when, timeZone),
    windows: windows.map((window) => ({ ...window, days: [...window.days] })),
    keep: { ...keepsAll, ...keep },
  };
}

/** The body of a new schedule. */
export function bodyOf(draft: ScheduleDraft): Record<string, unknown> {
  const { group, machines, when, keep, ...rest } = draft;
  const kept = Object.entries(keep).filter(([, count]) => count !== null);
  return {
    ...rest,
    ...(group === '' ? { machines: listOf(machines) } : { group }),
    when: whenOf(when),
    keep: kept.length === 0 ? null : Object.fromEntries(kept),
  };
}

/** What was changed, and nothing else: what the form cannot show stays as it is. */
export function changesOf(before: ScheduleDraft, after: ScheduleDraft): Record<string, unknown> {
  const was = bodyOf(before);
  const changed = Object.entries(bodyOf(after)).filter(
    ([key, value]) => JSON.stringify(value) !== JSON.stringify(was[key]),
  );
  return Object.fromEntries(changed);
}
