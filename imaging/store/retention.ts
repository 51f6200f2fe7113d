// Which images of one disk a policy keeps, and why: restic's rules ("forget"), on the clock of UTC. Nothing here touches a store.
import { DeployError } from '../../protocol/errors.ts';

/** How many of each; and everything captured within a time before the newest image. */
export type RetentionPolicy = {
  readonly last?: number;
  readonly daily?: number;
  readonly weekly?: number;
  readonly monthly?: number;
  readonly yearly?: number;
  readonly within?: RetentionSpan;
};

/** Calendar units: a month before 31 March is the end of February. */
export type RetentionSpan = {
  readonly years: number;
  readonly months: number;
  readonly weeks: number;
  readonly days: number;
  readonly hours: number;
};

export type Dated = { readonly createdAt: string };
export type Judged<Image> = { readonly image: Image /** Empty: it goes. */; readonly reasons: string[] };

type Period = 'daily' | 'weekly' | 'monthly' | 'yearly';

const periods: Record<Period, (date: Date) => string> = {
  daily: (date) => date.toISOString().slice(0, 10),
  weekly: isoWeek,
  monthly: (date) => date.toISOString().slice(0, 7),
  yearly: (date) => date.toISOString().slice(0, 4),
};

/** @throws usage for a policy that keeps nothing */
export function checkPolicy({ within, ...counts }: RetentionPolicy): void {
  if (within !== undefined || Object.values(counts).some((count) => count > 0)) return;
  throw new DeployError('usage', 'this policy keeps nothing', {
    hint: 'Give at least one of --keep-last, --keep-daily, --keep-weekly, --keep-monthly, --keep-yearly or --keep-within. To delete an image, use `deploy-os image delete`.',
  });
}

/**
 * The images, newest first, each with every rule that keeps it. The newest is kept by any policy.
 * `last` keeps the newest N. `daily` takes the last N days (UTC) on which there are images, and keeps the newest of each; so do
 * `weekly` (ISO 8601 weeks, from Monday), `monthly` and `yearly`. `within` keeps what is no older than that before the newest.
 */
export function judge<Image extends Dated>(images: readonly Image[], policy: RetentionPolicy): Judged<Image>[] {
  checkPolicy(policy);
  const judged: Judged<Image>[] = images
    .toSorted((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt))
    .map((image) => ({ image, reasons: [] }));
  for (const { reasons } of judged.slice(0, policy.last ?? 0)) reasons.push('last');
  for (const period of Object.keys(periods) as Period[]) keepNewestOfEach(judged, period, policy[period] ?? 0);
  keepWithin(judged, policy.within);
  return judged;
}

function keepNewestOfEach<Image extends Dated>(judged: readonly Judged<Image>[], period: Period, count: number): void {
  const seen = new Set<string>();
  for (const { image, reasons } of judged) {
    const bucket = periods[period](new Date(image.createdAt));
    if (seen.has(bucket)) continue;
    seen.add(bucket);
    if (seen.size > count) return;
    reasons.push(`${period} ${bucket}`);
  }
}

function keepWithin<Image extends Dated>(judged: readonly Judged<Image>[], span: RetentionSpan | undefined): void {
  const newest = judged[0];
  if (span === undefined || newest === undefined) return;
  const since = spanBefore(new Date(newest.image.createdAt), span);
  for (const { image, reasons } of judged) if (Date.parse(image.createdAt) >= since) reasons.push('within');
}

function spanBefore(date: Date, { years, months, weeks, days, hours }: RetentionSpan): number {
  const day = date.getUTCDate();
  const before = new Date(date);
  before.setUTCDate(1);
  before.setUTCMonth(before.getUTCMonth() - 12 * years - months);
  const lastDay = new Date(Date.UTC(before.getUTCFullYear(), before.getUTCMonth() + 1, 0)).getUTCDate();
  before.setUTCDate(Math.min(day, lastDay) - 7 * weeks - days);
  return before.getTime() - hours * 3_600_000;
}

/** ISO 8601: the week belongs to the year of its Thursday. */
function isoWeek(date: Date): string {
  const thursday = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()));
  thursday.setUTCDate(thursday.getUTCDate() + 4 - (thursday.getUTCDay() || 7));
  const firstOfYear = Date.UTC(thursday.getUTCFullYear(), 0, 1);
  const week = Math.ceil(((thursday.getTime() - firstOfYear) / 86_400_000 + 1) / 7);
  return `${thursday.getUTCFullYear()}-W${String(week).padStart(2, '0')}`;
}
