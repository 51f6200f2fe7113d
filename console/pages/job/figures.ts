// The figures of a step in the reader's words and order; one that a newer agent has is shown by its own name.
import type { jobTexts } from './texts.ts';

type Words = (typeof jobTexts)['ja'];
export type Figure = {
  readonly key: string;
  readonly label: string;
  readonly kind: 'bytes' | 'seconds' | 'count';
  readonly value: number;
};

const order = [
  ...['sizeBytes', 'usedBytes', 'bytesRead', 'bytesNew', 'bytesSent', 'bytesFetched', 'bytesWritten', 'bytesReused'],
  ...['bytesVerified', 'lostBytes', 'seconds'],
] as const;
/** Zero of these says nothing. */
const untold: ReadonlySet<string> = new Set(['lostBytes', 'bytesReused', 'bytesCopied']);

export function listFigures(figures: Readonly<Record<string, number>>, words: Words): Figure[] {
  const rank = (key: string): number => {
    const place = (order as readonly string[]).indexOf(key);
    return place < 0 ? order.length : place;
  };
  return Object.entries(figures)
    .filter(([key, value]) => value !== 0 || !untold.has(key))
    .sort(([a], [b]) => rank(a) - rank(b))
    .map(([key, value]) => ({ key, value, label: labelOf(key, words), kind: kindOf(key) }));
}

function labelOf(key: string, words: Words): string {
  const known = Object.hasOwn(words, key) ? words[key as keyof Words] : undefined;
  return typeof known === 'string' ? known : key;
}

function kindOf(key: string): Figure['kind'] {
  if (/^bytes|Bytes$/.test(key)) return 'bytes';
  return /^seconds|Seconds$/.test(key) ? 'seconds' : 'count';
}
