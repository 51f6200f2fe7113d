// Dictionaries: every folder with words to show has a `texts.ts`, in all languages with the same keys, held together by types.

type Word = string | ((...values: never[]) => string);
type SameKeys<T> = { readonly [Key in keyof T]: T[Key] extends string ? string : T[Key] };

export type Texts<T> = { readonly en: T; readonly ja: SameKeys<T> };

/** English says which words there are; a word with values in it is a function. */
export function defineTexts<T extends Record<string, Word>>(texts: Texts<T>): Texts<T> {
  return texts;
}
