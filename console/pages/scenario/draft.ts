// A scenario while it is being edited. What the form does not offer stays in the step as it was.
import type { OneDiskSelector, Step } from '../../../protocol/scenario.ts';
import type { ScenarioBody } from '../../../protocol/scenario-body.ts';

export type Draft = { name: string; parameters: ScenarioBody['parameters']; steps: Step[]; end: ScenarioBody['end'] };

export const offeredKinds = ['capture', 'restore', 'check', 'wipe', 'script'] as const;
export const wipeMethods = ['auto', 'sanitize', 'crypto-erase', 'secure-erase', 'overwrite', 'discard'] as const;
export const offeredSelectors = ['only', 'where', 'serial', 'wwn', 'id', 'number', 'image'] as const;
export const ends = ['reboot', 'poweroff', 'wait', 'kexec'] as const;

export function emptyDraft(): Draft {
  return { name: '', parameters: [], steps: [newStep('capture')], end: 'reboot' };
}

export function draftOf({ name, parameters, steps, end }: ScenarioBody): Draft {
  return structuredClone({ name, parameters, steps, end });
}

export function newStep(kind: (typeof offeredKinds)[number]): Step {
  if (kind === 'capture') return { kind, source: { by: 'only' }, image: '{machine}-{date}' };
  if (kind === 'restore') return { kind, target: { by: 'only' }, image: '', holes: 'discard' };
  if (kind === 'wipe') return { kind, target: { by: 'only' }, method: 'auto' };
  return kind === 'script' ? { kind, script: '', timeoutSeconds: 600 } : { kind };
}

/** Another way to name the disk begins empty, and is not whole until something is filled in. */
export function newSelector(by: (typeof offeredSelectors)[number]): OneDiskSelector {
  switch (by) {
    case 'only':
      return { by };
    case 'where':
      return { by, internal: true };
    case 'number':
      return { by, number: 1 };
    case 'serial':
      return { by, serial: '' };
    case 'wwn':
      return { by, wwn: '' };
    case 'id':
      return { by, id: '' };
    case 'image':
      return { by, image: '' };
  }
}

/** The list with the item at `from` moved by `by` places; the same where there is no such place. */
export function moved<T>(list: readonly T[], from: number, by: number): T[] {
  const to = from + by;
  if (to < 0 || to >= list.length) return [...list];
  const without = list.toSpliced(from, 1);
  return without.toSpliced(to, 0, list[from] as T);
}

/** The object without what is empty or unset: the server refuses keys that say nothing. */
function compact<T extends object>(value: T): T {
  return Object.fromEntries(
    Object.entries(value).filter(([, item]) => item !== undefined && item !== '' && item !== null),
  ) as T;
}

/** As the server takes it: empty options are left out, the rest is for the server to judge. */
export function bodyOf(draft: Draft): ScenarioBody {
  const steps = draft.steps.map((step) => {
    if (step.kind === 'capture') return { ...compact(step), image: step.image, source: compact(step.source) };
    if (step.kind === 'restore') return { ...compact(step), image: step.image, target: compact(step.target) };
    return step.kind === 'wipe' ? { ...compact(step), target: compact(step.target) } : step;
  });
  return { ...draft, parameters: draft.parameters.map(compact), steps };
}
