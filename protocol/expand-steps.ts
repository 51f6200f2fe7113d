// Steps of a scenario become steps of a job: one for each disk, with every name filled in.
import { fillText, listPlaceholders, type ParameterValues } from './parameters.ts';
import type { DiskSelector, OneDiskSelector, Step } from './scenario.ts';

/** The steps as one machine is handed them; `values` are those of the parameters and of `machine` and `date`. */
export function expandSteps(steps: readonly Step[], values: ParameterValues = {}): Step[] {
  return steps.flatMap((step) => {
    const selector = selectorOf(step);
    if (selector?.by !== 'each') return [fillStep(step, selector, { ...values, n: '1' })];
    return selector.of.map((_, pick) => fillStep(step, { ...selector, pick }, { ...values, n: String(pick + 1) }));
  });
}

/** The disk of a step; null where it is of none in particular. */
export function selectorOf(step: Step): DiskSelector | null {
  switch (step.kind) {
    case 'capture':
      return step.source;
    case 'restore':
    case 'wipe':
      return step.target;
    case 'script':
    case 'check':
      return null;
  }
}

function fillStep(step: Step, selector: DiskSelector | null, values: ParameterValues): Step {
  const fill = (text: string) => fillText(text, values);
  const disk = fillSelector(selector ?? { by: 'only' }, fill);
  switch (step.kind) {
    case 'capture': {
      const parent = step.parent === undefined ? {} : { parent: fill(step.parent) };
      return { ...step, source: disk, image: fill(step.image), ...parent };
    }
    case 'restore': {
      const was = step.was === undefined ? {} : { was: fill(step.was) };
      const hostName = step.hostName === undefined ? {} : { hostName: fill(step.hostName) };
      return { ...step, target: disk, image: fill(step.image), ...was, ...hostName };
    }
    case 'wipe':
      return { ...step, target: disk };
    // Braces mean something to a shell: its values are in its environment.
    case 'script':
    case 'check':
      return step;
  }
}

function fillSelector(selector: DiskSelector, fill: (text: string) => string): DiskSelector {
  const one = (part: OneDiskSelector): OneDiskSelector =>
    part.by === 'image' ? { ...part, image: fill(part.image) } : part;
  return selector.by === 'each' ? { ...selector, of: selector.of.map(one) } : (one(selector) as DiskSelector);
}

/** The images that a step's selector looks at, to know which disk they came from. */
export function listSelectorImages(selector: DiskSelector | null): string[] {
  const all = selector === null ? [] : selector.by === 'each' ? selector.of : [selector];
  return all.flatMap((one) => (one.by === 'image' ? [one.image] : []));
}

/** The names that a step wants filled in. */
export function listStepPlaceholders(step: Step): string[] {
  const texts = listSelectorImages(selectorOf(step));
  if (step.kind === 'capture') texts.push(step.image, step.parent ?? '');
  if (step.kind === 'restore') texts.push(step.image, step.was ?? '', step.hostName ?? '');
  return texts.flatMap(listPlaceholders);
}
