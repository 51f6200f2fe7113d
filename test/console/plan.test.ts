import { expect, it } from 'vitest';
import { canRun, isTyped, nameToType, needsCheck } from '../../console/plan/describe.ts';
import type { MachinePlan } from '../../protocol/plan.ts';

const check = { id: 'c', at: '2026-11-28T10:00:00.000Z', kind: 'check' as const };
const plan = (machineName: string, change: Partial<MachinePlan>): MachinePlan => ({
  ...{ machineId: machineName, machineName, check, overwrites: false, refused: false },
  ...{ refusals: [], warnings: [], steps: [] },
  ...change,
});

it('what is overwritten was read by a check before; what is only read needs none', () => {
  const registered = { check: { ...check, kind: 'registration' as const } };
  const cases = [{}, registered, { check: null }, { refused: true }].flatMap((change) => [
    plan('a', change),
    plan('a', { ...change, overwrites: true }),
  ]);
  expect(cases.map(canRun)).toEqual([true, true, true, false, true, false, false, false]);
  expect(cases.map(needsCheck)).toEqual([false, false, false, true, false, true, false, false]);
});

it('several machines that are overwritten want the name of the last one', () => {
  const machines = [plan('web-01', { overwrites: true }), plan('ÜBUNG', { overwrites: true }), plan('c', {})];
  expect(nameToType({ scenario: 's', machines })).toBe('ÜBUNG');
  expect(nameToType({ scenario: 's', machines: machines.slice(1) })).toBeNull();
  expect(['übung', ' U\u0308BUNG ', 'web-01', ''].map((typed) => isTyped(typed, 'ÜBUNG'))).toEqual([
    true,
    true,
    false,
    false,
  ]);
});
