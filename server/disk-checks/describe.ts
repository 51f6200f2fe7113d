// Disks and their parts in the words of a difference: by what they are, never by the kernel's names, which another boot deals out anew.

import type { CheckedDisk, Difference } from '../../protocol/disk-check.ts';
import { formatBytes } from '../../protocol/format-bytes.ts';

/** A difference whose sentence does not name its disk yet: `is gone`. */
export type Finding = Pick<Difference, 'kind' | 'level'> & { readonly text: string };

/** `disk 2 (QEMU HARDDISK, serial S2, 8.0 GiB, id serial-S2)` */
export function describeDisk({ number, model, serial, sizeBytes, id }: CheckedDisk): string {
  const facts = [model, serial === null ? null : `serial ${serial}`, formatBytes(sizeBytes), `id ${id}`];
  return printable(`disk ${number} (${facts.filter((fact) => fact !== null).join(', ')})`);
}

const maxAlike = 16;

/** A hundred paths of one LUN may go at once: the first are named, the others counted. */
export function shorten(findings: readonly Finding[], what: string): Finding[] {
  const [last, ...more] = findings.slice(maxAlike);
  if (last === undefined || more.length === 0) return [...findings];
  return [...findings.slice(0, maxAlike), { ...last, text: `differs in ${more.length + 1} more ${what}` }];
}

/** Both sizes, to the byte where they would look the same. */
export function describeSizes(now: number, before: number): string {
  const [a, b] = [formatBytes(now), formatBytes(before)];
  return a === b ? `${now} bytes, before ${before}` : `${a}, before ${b}`;
}

/** Models, serial numbers and labels come from disks: nothing in them shall steer a terminal. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, '?');
}
