// Flags as the server takes them: what is wrong is said before anything is asked for.
import { z } from 'zod';
import { DeployError } from '../protocol/errors.ts';

/** @throws DeployError usage */
export function parseFlags<T>(schema: z.ZodType<T>, said: unknown): T {
  const parsed = schema.safeParse(said);
  if (!parsed.success) throw new DeployError('usage', z.prettifyError(parsed.error));
  return parsed.data;
}
