// One byte string for one JSON value (RFC 8785), so that a digest over a manifest is well defined.

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What we write is nested five deep; foreign JSON nested deeper than this would exhaust the stack. */
const maxDepth = 64;

/**
 * JSON with keys in order of their UTF-16 code units and no white space. Numbers are integers here, for which JSON.stringify is canonical.
 * @throws RangeError when it is nested more than 64 deep
 */
export function canonicalJson(value: Json, depth = 0): string {
  if (depth > maxDepth) throw new RangeError(`JSON is nested more than ${maxDepth} deep`);
  if (Array.isArray(value)) return `[${value.map((inner) => canonicalJson(inner, depth + 1)).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const entries = Object.entries(value as { readonly [key: string]: Json }).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonicalJson(inner, depth + 1)}`).join(',')}}`;
}
