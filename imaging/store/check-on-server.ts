// A check of a store that a server keeps: the server reads, and answers what a check from here would.
import { z } from 'zod';
import { DeployError, type ErrorCode, errorCatalogue } from '../../protocol/errors.ts';
import type { CheckStoreOptions, CheckStoreResult } from './check-request.ts';
import type { ServedStore } from './chunk-store.ts';

const errorCode = z.custom<ErrorCode>((code) => typeof code === 'string' && Object.hasOwn(errorCatalogue, code));
const place = z.object({ offsetBytes: z.number(), lengthBytes: z.number(), partitions: z.array(z.number()) });
const use = z.object({ image: z.string(), places: z.array(place), placeCount: z.number() });
const problem = z.object({
  code: errorCode,
  message: z.string(),
  digest: z.string().nullable(),
  uses: z.array(use),
  setAside: z.boolean(),
});
const source = z.object({ label: z.string(), serial: z.string().nullable() });
const damagedImage = z.object({ name: z.string(), source, chunks: z.number(), lostBytes: z.number() });

const resultSchema: z.ZodType<CheckStoreResult> = z.object({
  images: z.number(),
  chunks: z.number(),
  checkedChunks: z.number(),
  checkedBytes: z.number(),
  unreferenced: z.number(),
  temporaryFiles: z.number(),
  problems: z.array(problem),
  problemCount: z.number(),
  damagedImages: z.array(damagedImage),
  wholeAgain: z.array(z.string()),
});

/** @throws usage with `keys`, which do not leave this machine; what the check throws */
export async function checkOnServer(
  store: ServedStore,
  { keys, part, repair = false, workers: _, ...run }: CheckStoreOptions,
): Promise<CheckStoreResult> {
  if (keys !== undefined) {
    throw new DeployError('usage', `${store.label} checks its store itself, and a key does not leave this machine`, {
      hint: 'Check without a key, which finds decay; or run this with the key where the store is, with --store and its directory or bucket.',
    });
  }
  const asked = { repair, ...(part === undefined ? {} : { part }) };
  return await store.runOnServer({ name: 'check', asked, answer: resultSchema }, run);
}
