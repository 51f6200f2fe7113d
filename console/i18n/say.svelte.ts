// From a dictionary to the words of the language that is set. Inside `$derived` or a template it follows when another is chosen.
import { preferences } from './preferences.svelte.ts';
import type { Texts } from './texts.ts';

export function say<T>(texts: Texts<T>): Texts<T>['ja'] {
  return preferences.language === 'ja' ? texts.ja : (texts.en as Texts<T>['ja']);
}
