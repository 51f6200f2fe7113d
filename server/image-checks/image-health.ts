// What checks have said of images last: for lists, for those who want to restore one, and for metrics.
import type { ErrorBody } from '../../protocol/errors.ts';
import type { ImageHealth } from '../../protocol/image-check.ts';
import type { Database } from '../database/schema.ts';

type Verdict = NonNullable<ImageHealth['verify']> & { readonly message: string | null };
type Known = {
  readonly verify: Verdict | null;
  readonly prove: Verdict | null;
  readonly active: ImageHealth['active'];
};

const unknown: Known = { verify: null, prove: null, active: [] };

/** By the image's id; of one image or of all. Those that nobody has ever asked about are not in it. */
async function readKnown(db: Database, imageId?: string): Promise<Map<string, Known>> {
  const newest = db
    .selectFrom('imageChecks')
    .select(({ fn }) => fn.max('id').as('id'))
    .where('state', 'in', ['passed', 'failed'])
    .groupBy(['imageId', 'kind']);
  let query = db
    .selectFrom('imageChecks')
    .select(['id', 'imageId', 'kind', 'state', 'endedAt', 'error'])
    .where((where) => where.or([where('state', 'in', ['queued', 'running']), where('id', 'in', newest)]))
    .orderBy('id');
  if (imageId !== undefined) query = query.where('imageId', '=', imageId);
  const known = new Map<string, Known>();
  for (const { id, imageId, kind, state, endedAt, error } of await query.execute()) {
    const before = known.get(imageId) ?? unknown;
    if (state !== 'passed' && state !== 'failed') {
      known.set(imageId, { ...before, active: [...before.active, kind] });
      continue;
    }
    const said: ErrorBody | null = error === null ? null : JSON.parse(error);
    const told = { checkId: id, at: endedAt ?? '', code: said?.code ?? null, message: said?.message ?? null };
    const verdict: Verdict = { ...told, outcome: state };
    known.set(imageId, { ...before, [kind]: verdict, verify: kind === 'verify' ? verdict : chunksOf(verdict) });
  }
  return known;
}

/** A proof that found fault with a file system has found every chunk whole. */
function chunksOf(proof: Verdict): Verdict {
  return proof.code === 'proof-failed' ? { ...proof, outcome: 'passed', code: null, message: null } : proof;
}

function toHealth({ verify, prove, active }: Known): ImageHealth {
  const plain = (verdict: Verdict | null) => {
    if (verdict === null) return null;
    const { message: _, ...rest } = verdict;
    return rest;
  };
  return { verify: plain(verify), prove: plain(prove), active };
}

/** Of every image in the answer's order. */
export async function withHealth<Image extends { readonly id: string }>(
  db: Database,
  images: readonly Image[],
): Promise<(Image & { health: ImageHealth })[]> {
  const known = await readKnown(db);
  return images.map((image) => ({ ...image, health: toHealth(known.get(image.id) ?? unknown) }));
}

export async function readHealth(db: Database, imageId: string): Promise<ImageHealth> {
  return toHealth((await readKnown(db, imageId)).get(imageId) ?? unknown);
}

/** When and what of an image whose last reading found it damaged; null when it was found whole, or never read. */
export async function readDamage(db: Database, imageId: string): Promise<{ at: string; message: string } | null> {
  const verify = (await readKnown(db, imageId)).get(imageId)?.verify;
  return verify?.outcome === 'failed' ? { at: verify.at, message: verify.message ?? '' } : null;
}

export async function countDamaged(db: Database): Promise<number> {
  return [...(await readKnown(db)).values()].filter(({ verify }) => verify?.outcome === 'failed').length;
}
