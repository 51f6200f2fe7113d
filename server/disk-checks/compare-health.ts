// What a disk says of its own health, compared: only what got worse.
import type { CheckedDisk, DiskHealth } from '../../protocol/disk-check.ts';
import type { Finding } from './describe.ts';

/** `before` is null for a new disk: only what is bad in itself counts then. */
export function compareHealth(before: CheckedDisk | null, { health: now }: CheckedDisk): Finding[] {
  if (now === null) return [];
  const old = before?.health ?? null;
  return [
    now.passed === false && old?.passed !== false ? 'says that it is failing' : null,
    endsLife(now) && !(old !== null && endsLife(old)) ? `has used up its life: ${describeLife(now)}` : null,
    tellGrowth('reallocated sectors', old?.reallocatedSectors, now.reallocatedSectors),
    tellGrowth('sectors that could not be read', old?.pendingSectors, now.pendingSectors),
    tellGrowth('media errors', old?.mediaErrors, now.mediaErrors),
  ]
    .filter((text) => text !== null)
    .map((text) => ({ kind: 'health', level: 'warning', text }));
}

function endsLife({ percentageUsed, sparePercent, spareThresholdPercent }: DiskHealth): boolean {
  if (percentageUsed !== null && percentageUsed >= 100) return true;
  return sparePercent !== null && spareThresholdPercent !== null && sparePercent < spareThresholdPercent;
}

function describeLife({ percentageUsed, sparePercent, spareThresholdPercent }: DiskHealth): string {
  return `${percentageUsed ?? '?'} % of its endurance used, ${sparePercent ?? '?'} % of its spare blocks left (its maker's limit is ${spareThresholdPercent ?? '?'} %)`;
}

function tellGrowth(what: string, before: number | null | undefined, now: number | null): string | null {
  if (before === null || before === undefined || now === null || now <= before) return null;
  return `has ${now} ${what}, before ${before}`;
}
