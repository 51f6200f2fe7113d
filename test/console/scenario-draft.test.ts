import { expect, it } from 'vitest';
import {
  bodyOf,
  type Draft,
  draftOf,
  emptyDraft,
  moved,
  newSelector,
  newStep,
  offeredKinds,
} from '../../console/pages/scenario/draft.ts';
import type { Step } from '../../protocol/scenario.ts';
import { scenarioBodySchema } from '../../protocol/scenario-body.ts';

it('a new scenario with a name is one that the server takes', () => {
  const body = scenarioBodySchema.parse(bodyOf({ ...emptyDraft(), name: 'back-up' }));
  expect(body.steps).toEqual([{ kind: 'capture', source: { by: 'only' }, image: '{machine}-{date}' }]);
});

it('what the form does not offer stays as it was, and what was emptied is left out', () => {
  const written = scenarioBodySchema.parse({
    name: 'roll out',
    parameters: [{ name: 'image', description: 'which' }],
    steps: [
      {
        kind: 'restore',
        image: '{image}',
        target: { by: 'where', model: 'X*', bus: 'sata' },
        delta: 'never',
        was: 'old',
      },
      { kind: 'capture', image: 'd{n}', source: { by: 'each', of: [newSelector('number'), { by: 'id', id: 'a' }] } },
    ],
    end: 'kexec',
  });
  const draft: Draft = draftOf(written);
  expect(bodyOf(draft)).toEqual(written);
  draft.steps[0] = { ...written.steps[0], target: { by: 'where', model: '', bus: 'sata' } } as Draft['steps'][0];
  expect(bodyOf(draft).steps[0]).toMatchObject({ delta: 'never', was: 'old', target: { by: 'where', bus: 'sata' } });
  expect(bodyOf(draft).steps[0]).not.toHaveProperty('target.model');
});

it.each(offeredKinds)('a new %s is a step that the server takes once it is filled in', (kind) => {
  const step = {
    ...newStep(kind),
    ...(kind === 'restore' ? { image: 'golden' } : kind === 'script' ? { script: 'ls' } : {}),
  };
  const body = bodyOf({ ...emptyDraft(), name: 'new', steps: [step as Step] });
  expect(scenarioBodySchema.parse(body).steps).toEqual(body.steps);
});

it('steps change places, and stay where there is none', () => {
  expect(moved(['a', 'b', 'c'], 2, -1)).toEqual(['a', 'c', 'b']);
  expect(moved(['a', 'b'], 0, -1)).toEqual(['a', 'b']);
  expect(moved(['a', 'b'], 1, 1)).toEqual(['a', 'b']);
});
