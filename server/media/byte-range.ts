// Which part of a file a client asks for: the header Range with one range (RFC 9110, 14.2).

export type ByteRange = { readonly start: number /** The byte after the last. */; readonly end: number };

/**
 * Null when the whole file is to be sent: without a header, and with one that asks in another way or for several ranges at once, which a server may
 * leave out of account. `unsatisfiable` when nothing of it is in the file.
 */
export function parseRange(header: string | undefined, sizeBytes: number): ByteRange | 'unsatisfiable' | null {
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '') ?? [];
  if (first === '' && last === '') return null;
  if (first === '') {
    const length = Math.min(Number(last), sizeBytes);
    return length === 0 ? 'unsatisfiable' : { start: sizeBytes - length, end: sizeBytes };
  }
  const start = Number(first);
  const end = last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  // The last byte before the first is no range at all.
  if (last !== '' && Number(last) < start) return null;
  return start < sizeBytes ? { start, end } : 'unsatisfiable';
}
