// The catalogue of what the status page says. What is to be said is handed on as a function of the words: each screen says it in its own language.
import type { en } from './en.ts';

/** The catalogue; every language has each entry. */
export type Words = typeof en;

/** Something to be said, in whichever language: `(words) => words.stage.lookingFor(url)`. */
export type Say = (words: Words) => string;

/** Foreign words, the same in every language. */
export function verbatim(text: string): Say {
  return () => text;
}
