// A step in a few words.
import type { Step } from '../../../protocol/scenario.ts';
import type { scenariosTexts } from './texts.ts';

type Words = (typeof scenariosTexts)['ja'];

export function describeStep(step: Step, words: Words): string {
  if (step.kind === 'capture' || step.kind === 'restore') return words[step.kind](step.image);
  return words[step.kind];
}
