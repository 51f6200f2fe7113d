// What a step says that it has done, and how that is known: codes with values, beside the English sentence (`summary`) that is made of them.
import { z } from 'zod';

/** The codes are open: an agent may be newer than its server. */
export const stepNoteSchema = z.object({
  code: z.string().max(64),
  values: z.record(z.string().max(32), z.string().max(512)),
});

/** Those of a wipe stand in imaging/wipe/wipe-notes.ts with their values; `script-ended` has the script's `digest`, a SHA-256 in hexadecimal. */
export const stepNoteCodes = [
  ...(['discarded', 'overwritten', 'erased'] as const),
  ...(['read-as-written', 'read-zeros', 'read-changed', 'read-uncompared'] as const),
  'script-ended',
] as const;
export type StepNoteCode = (typeof stepNoteCodes)[number];
export type StepNote = { readonly code: StepNoteCode; readonly values: Readonly<Record<string, string>> };
