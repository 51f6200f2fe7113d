// What a preflight says of a capture or a restore before its first byte (docs/preflight.md): each finding has a code, and advice.
import { z } from 'zod';
import { DeployError } from '../../protocol/errors.ts';
import type { DiskMap } from '../disk-map.ts';
import type { System } from '../manifest/system.ts';

/** Every code; docs/preflight.md explains each, and a test holds the two together. */
export const findingCodes = [
  'domain-controller',
  'domain-member',
  'domain-member-old',
  'ntfs-dirty',
  'windows-hibernated',
  'encrypted-volume',
  'bitlocker-key',
  'persistent-network-names',
  'network-teaming',
  'cluster-file-system',
  'disk-reserved',
  'several-systems',
  'system-unknown',
  'firmware-mode',
  'disk-driver-missing',
  'disk-driver-unknown',
] as const;

export const findingSchema = z.object({
  code: z.enum(findingCodes),
  /** A `refusal` ends the job before the first byte; only what overrides it makes a warning of it. */
  severity: z.enum(['info', 'warning', 'refusal']),
  /** Null is the disk as a whole, or the machine. */
  partition: z.number().int().nullable(),
  message: z.string(),
  advice: z.string(),
});

export type Finding = z.infer<typeof findingSchema>;

/** Where findings go to, before the first byte of an image is read or written. */
export type FindingOptions = { readonly onFinding?: (finding: Finding) => void };

/** Gives findings to `onFinding`; the first refusal is thrown instead. @throws shared-disk */
export function report(findings: readonly Finding[], { onFinding }: FindingOptions): void {
  for (const finding of findings) if (finding.severity !== 'refusal') onFinding?.(finding);
  const error = refusalOf(findings);
  if (error !== null) throw error;
}

/** What a capture or restore with these findings ends with; null when it would go on. */
export function refusalOf(findings: readonly Finding[]): DeployError | null {
  const refusal = findings.find(({ severity }) => severity === 'refusal');
  return refusal === undefined ? null : new DeployError('shared-disk', refusal.message, { hint: refusal.advice });
}

/** `partition 2: Debian GNU/Linux 12 (web-01)` */
export function describeSystem(system: System): string {
  const name = system.name ?? (system.kind === 'windows' ? 'a Windows' : 'a Linux');
  const host = system.hostName === null ? '' : ` (${system.hostName})`;
  return `${describePlace(system.partition, system.volume)}${name}${host}`;
}

/** `partition 2, volume vg0/root: `; nothing for a disk without a table. */
export function describePlace(partition: number | null, volume?: string): string {
  const parts = [partition ? `partition ${partition}` : '', volume === undefined ? '' : `volume ${volume}`];
  const named = parts.filter(Boolean).join(', ');
  return named === '' ? '' : `${named}: `;
}

/** A partition as a map and a manifest both have it. */
export type Content = Pick<DiskMap['partitions'][0], 'number' | 'sizeBytes' | 'fileSystem' | 'volumes'>;
