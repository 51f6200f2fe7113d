// What a wipe has done and what its read-back showed: codes with values, and the sentences that they make.
import type { PatternKind } from './pattern.ts';

type Values = Readonly<Record<string, string>>;

const patternWords: Readonly<Record<string, string>> = {
  zeros: 'zeros',
  random: 'random bytes',
} satisfies Record<PatternKind, string>;

/** `pattern` is a PatternKind, `name` that of the erase, as `NVMe Format (user data erase)`; `bytes` and `places` are numbers. */
const sentences = {
  discarded: () => 'discarded',
  overwritten: ({ pattern = '' }) => `overwritten with ${patternWords[pattern]}`,
  erased: ({ name = '' }) => name,
  'read-as-written': ({ bytes, pattern = '' }) =>
    `all ${bytes} bytes read back as the ${patternWords[pattern]} that were written`,
  'read-zeros': ({ bytes }) => `all ${bytes} bytes read back as zeros`,
  'read-changed': ({ places }) =>
    `not all of it reads as zeros; ${places} places that held something, all over the disk, hold something else now`,
  'read-uncompared': () =>
    'not all of it reads as zeros; there is nothing to compare it with: it was blank before, or could not be read',
} satisfies Record<string, (values: Values) => string>;

export type WipeNote = { readonly code: keyof typeof sentences; readonly values: Values };

/** `overwritten with zeros` */
export function tellWipeNote({ code, values }: WipeNote): string {
  return sentences[code](values);
}
