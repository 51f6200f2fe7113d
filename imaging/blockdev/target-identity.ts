// Which disk a target is: what a plan and an undo recognise it by, whatever the kernel calls it today.
import { z } from 'zod';
import type { TargetFacts } from './check-target.ts';
import { readHardware } from './hardware.ts';
import { describeDiskFile, statDiskFile } from './open-reader.ts';

const optionalText = z.string().nullable();

export const targetIdentitySchema = z.object({
  /** At the time; an identity only where there is no other (a file, a virtual disk). */
  path: z.string(),
  label: z.string(),
  kind: z.enum(['block', 'file']),
  exists: z.boolean(),
  sizeBytes: z.number(),
  sectorSizeBytes: z.number(),
  model: optionalText,
  serial: optionalText,
  wwn: optionalText,
});

export type TargetIdentity = z.infer<typeof targetIdentitySchema>;

/** @throws device-not-found, invalid-input */
export async function identifyTarget(path: string, facts: TargetFacts): Promise<TargetIdentity> {
  const { label, kind, exists, sizeBytes, sectorSizeBytes } = facts;
  const identity = { path, label, kind, exists, sizeBytes, sectorSizeBytes };
  const { device } = exists ? await describeDiskFile(path, await statDiskFile(path)) : { device: null };
  if (device === null) return { ...identity, model: null, serial: null, wwn: null };
  const { model, serial, wwn } = await readHardware('/', device);
  return { ...identity, model, serial, wwn };
}

/** How the disk `now` differs from the one that was meant, in words; null when it is the same disk. */
export function differenceOf(meant: TargetIdentity, now: TargetIdentity): string | null {
  const nameless = meant.serial === null && meant.wwn === null;
  const keys = ['kind', 'exists', 'wwn', 'serial', 'model', 'sizeBytes', 'sectorSizeBytes'] as const;
  const different = [...keys, ...(nameless ? (['path'] as const) : [])].find((key) => meant[key] !== now[key]);
  const words = { sizeBytes: 'size in bytes', sectorSizeBytes: 'sector size', exists: 'being there' } as Record<
    string,
    string
  >;
  if (different === undefined) return null;
  return `its ${words[different] ?? different} was ${meant[different] ?? 'unknown'} and is ${now[different] ?? 'unknown'}`;
}
