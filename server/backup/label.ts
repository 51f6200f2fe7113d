// What a backup says of itself.
import { z } from 'zod';

export const labelName = 'deploy-os-backup.json';

const labelSchema = z.object({
  format: z.literal(1),
  version: z.string().max(64),
  madeAt: z.iso.datetime(),
  database: z.enum(['sqlite', 'postgres']),
  images: z.boolean(),
});
export type Label = z.infer<typeof labelSchema>;

export function writeLabel(facts: Omit<Label, 'format' | 'madeAt'>): string {
  return `${JSON.stringify({ format: 1, madeAt: new Date().toISOString(), ...facts })}\n`;
}

/** @throws ZodError, SyntaxError */
export function readLabel(text: string): Label {
  return labelSchema.parse(JSON.parse(text));
}
