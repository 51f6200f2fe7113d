// Fifth stage, step `check`: what `smartctl --json` prints, as figures. smartctl(8), "EXIT STATUS"; ACS-4, section 9.28; NVMe 1.4, section 5.14.1.2.
import { z } from 'zod';
import type { DiskHealth } from '../../protocol/disk-check.ts';

/** Bits of the exit status. The others tell of errors in the past, or of attributes near their thresholds. */
const notUnderstood = 1;
const notOpened = 2;
const failing = 8;

/** A figure that is missing, negative or absurd is not known; counters of 128 bits end where a double counts exactly. */
const count = z
  .number()
  .min(0)
  .transform((value) => Math.min(Math.floor(value), Number.MAX_SAFE_INTEGER))
  .nullable()
  .catch(null)
  .default(null);
const celsius = z.int().min(-100).max(1000).nullable().catch(null).default(null);

/** Vendors keep further figures in the upper bytes of a raw value; its text begins with the number itself. */
const attributeSchema = z.object({ id: z.int(), raw: z.object({ string: z.string().max(256) }) });

const reportSchema = z.object({
  smart_support: z.object({ available: z.boolean() }).optional().catch(undefined),
  smart_status: z.object({ passed: z.boolean() }).optional().catch(undefined),
  temperature: z.object({ current: celsius }).optional().catch(undefined),
  power_on_time: z.object({ hours: count }).optional().catch(undefined),
  ata_smart_attributes: z
    .object({ table: z.array(attributeSchema).max(256) })
    .optional()
    .catch(undefined),
  nvme_smart_health_information_log: z
    .object({
      power_on_hours: count,
      percentage_used: count,
      available_spare: count,
      available_spare_threshold: count,
      media_errors: count,
    })
    .optional()
    .catch(undefined),
  scsi_grown_defect_list: count,
});

/** Null when the disk was not asked, or said nothing of its health (virtual disks, most USB sticks). */
export function parseSmartReport(json: string, exitStatus: number): DiskHealth | null {
  if ((exitStatus & (notUnderstood | notOpened)) !== 0) return null;
  const report = parseReport(json);
  // A virtual SCSI disk says so, and that it is 0 degrees warm.
  if (report === null || report.smart_support?.available === false) return null;
  const { ata_smart_attributes: ata, nvme_smart_health_information_log: nvme } = report;
  const attribute = (id: number) => leadingNumber(ata?.table.find((entry) => entry.id === id)?.raw.string);
  const health: DiskHealth = {
    passed: (exitStatus & failing) === 0 ? (report.smart_status?.passed ?? null) : false,
    temperatureCelsius: report.temperature?.current ?? null,
    powerOnHours: report.power_on_time?.hours ?? nvme?.power_on_hours ?? null,
    reallocatedSectors: attribute(5) ?? report.scsi_grown_defect_list,
    pendingSectors: attribute(197),
    percentageUsed: nvme?.percentage_used ?? null,
    sparePercent: nvme?.available_spare ?? null,
    spareThresholdPercent: nvme?.available_spare_threshold ?? null,
    mediaErrors: nvme?.media_errors ?? null,
  };
  return Object.values(health).every((figure) => figure === null) ? null : health;
}

function parseReport(json: string): z.infer<typeof reportSchema> | null {
  try {
    return reportSchema.parse(JSON.parse(json));
  } catch {
    return null;
  }
}

function leadingNumber(text: string | undefined): number | null {
  const digits = /^\d{1,15}(?!\d)/.exec(text ?? '')?.[0];
  return digits === undefined ? null : Number(digits);
}

/** Of an array or a LUN: one bad member makes it bad; figures are the worst that any of them names. Null when none says anything. */
export function worstOf(all: readonly DiskHealth[]): DiskHealth | null {
  if (all.length === 0) return null;
  const known = <K extends keyof DiskHealth>(figure: K) =>
    all.map((health) => health[figure]).filter((v) => v !== null);
  const most = (figure: Exclude<keyof DiskHealth, 'passed'>) => {
    const values = known(figure);
    return values.length === 0 ? null : Math.max(...values);
  };
  const verdicts = known('passed');
  const { sparePercent, spareThresholdPercent } = all.reduce((a, b) => (marginOf(b) < marginOf(a) ? b : a));
  return {
    passed: verdicts.length === 0 ? null : !verdicts.includes(false),
    temperatureCelsius: most('temperatureCelsius'),
    powerOnHours: most('powerOnHours'),
    reallocatedSectors: most('reallocatedSectors'),
    pendingSectors: most('pendingSectors'),
    percentageUsed: most('percentageUsed'),
    sparePercent,
    spareThresholdPercent,
    mediaErrors: most('mediaErrors'),
  };
}

/** How far a disk is from its maker's limit of spare blocks. */
function marginOf({ sparePercent, spareThresholdPercent }: DiskHealth): number {
  return sparePercent === null ? Number.POSITIVE_INFINITY : sparePercent - (spareThresholdPercent ?? 0);
}
