// What an administrator may write into a scenario, and what is refused with the key that is wrong.
import { expect, test } from 'vitest';
import { prettifyError } from 'zod';
import { expandSteps } from '../../protocol/expand-steps.ts';
import { stepSchema } from '../../protocol/scenario.ts';
import { scenarioBodySchema } from '../../protocol/scenario-body.ts';

const disk = { by: 'only' };
const capture = { kind: 'capture', source: disk, image: 'web' };
const restore = { kind: 'restore', target: disk, image: 'web' };

const parse = (step: object) => scenarioBodySchema.safeParse({ name: 'x', steps: [step] });

test.each([
  { ...capture, parent: 'old', level: 19, partitions: [1, 3], rescue: true, unpartitioned: true },
  { ...restore, holes: 'leave', delta: 'always', was: 'old', grow: 'last', newIds: true, acceptLost: true },
  { ...restore, hostName: '{machine}', newIdentity: true },
  { ...restore, grow: 2 },
  { ...restore, grow: 0 },
  { ...restore, partition: 2, toPartition: 0, grow: 'last', newIds: true, was: 'old', delta: 'never' },
])('takes every key that the command line has: %j', (step) => {
  expect(parse(step).data?.steps[0]).toEqual({ ...(step.kind === 'restore' ? { holes: 'discard' } : {}), ...step });
});

test.each([
  [{ ...capture, level: 20 }, 'level'],
  [{ ...capture, partitions: [] }, 'partitions'],
  [{ ...capture, partitions: [0] }, 'partitions'],
  [{ ...capture, rescue: 'yes' }, 'rescue'],
  [{ ...capture, grow: 'last' }, 'grow'],
  [{ ...capture, encrypt: true }, 'encrypt'],
  [{ ...restore, grow: 'first' }, 'grow'],
  [{ ...restore, delta: 'sometimes' }, 'delta'],
  [{ ...restore, partition: 0 }, 'partition'],
  [{ ...restore, partiton: 1 }, 'partiton'],
  [{ ...restore, toPartition: 1 }, 'toPartition'],
  [{ ...restore, hostName: 'web', partition: 1 }, 'hostName'],
  [{ ...restore, newIdentity: true, partition: 1 }, 'newIdentity'],
  [{ kind: 'check', target: disk }, 'target'],
])('refuses %j and names the key', (step, key) => {
  const { error } = parse(step);
  expect(error && prettifyError(error)).toContain(key);
});

test('a step for several disks becomes a step for each of them, with an image of its own', () => {
  const of = [{ by: 'serial', serial: 'A' } as const, { by: 'number', number: 2 } as const];
  const capture = stepSchema.parse({ kind: 'capture', image: 'lab-{n}', source: { by: 'each', of } });
  const check = { kind: 'check' } as const;
  expect(expandSteps([check, capture])).toEqual([
    check,
    { kind: 'capture', image: 'lab-1', source: { by: 'each', of, pick: 0 } },
    { kind: 'capture', image: 'lab-2', source: { by: 'each', of, pick: 1 } },
  ]);
  for (const step of expandSteps([capture])) expect(stepSchema.parse(step)).toEqual(step);
});
