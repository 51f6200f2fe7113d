// A check of a store that a server keeps: the server reads, and answers what a check from here would.
import { z } from 'zod';
import { type ErrorCode, errorCatalogue } from '../../protocol/errors.ts';
import type { CheckStoreOptions, CheckStoreResult } from './check-request.ts';
import { checkSealed } from './check-sealed.ts';
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

/** The server is asked without `keys`, which do not leave this machine: what they tell is found from here. @throws what the check throws */
export async function checkOnServer(
  store: ServedStore,
  { keys, part, repair = false, workers, ...run }: CheckStoreOptions,
): Promise<CheckStoreResult> {
  const asked = { repair, ...(part === undefined ? {} : { part }) };
  const found = await store.runOnServer({ name: 'check', asked, answer: resultSchema }, run);
  if (keys === undefined) return found;
  const options = {
    ...run,
    keys,
    ...(part === undefined ? {} : { part }),
    ...(workers === undefined ? {} : { workers }),
  };
  const all = await checkSealed(store, options, found);
  if (repair && all.problemCount > found.problemCount) {
    run.onWarning?.(
      'what only the key tells to be damaged was not moved aside: run this with the key where the store is, with --store and its directory or bucket',
    );
  }
  return all;
}
