// Moments and durations in words of the language, by Intl.

const steps = [
  { unit: 'second', seconds: 1, upTo: 60 },
  { unit: 'minute', seconds: 60, upTo: 3600 },
  { unit: 'hour', seconds: 3600, upTo: 86_400 },
  { unit: 'day', seconds: 86_400, upTo: Number.POSITIVE_INFINITY },
] as const;

/** `3 minutes ago`, `in 2 hours` */
export function formatAgo(at: string, nowMs: number, language = 'en'): string {
  const seconds = (Date.parse(at) - nowMs) / 1000;
  const step = steps.find(({ upTo }) => Math.abs(seconds) < upTo) ?? steps[3];
  const words = new Intl.RelativeTimeFormat(language, { numeric: 'auto', style: 'long' });
  return words.format(Math.round(seconds / step.seconds), step.unit);
}

/** `28 Nov 2026, 14:03:22 CET`: in the browser's time zone, and says which. */
export function formatMoment(at: string, language = 'en'): string {
  return new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : language, {
    dateStyle: 'medium',
    timeStyle: 'long',
  }).format(new Date(at));
}

/** `14:03:22` */
export function formatClock(at: string, language = 'en'): string {
  return new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : language, { timeStyle: 'medium' }).format(new Date(at));
}

/** `4 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h` */
export function formatDuration(seconds: number, language = 'en'): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts: [number, 'day' | 'hour' | 'minute' | 'second'][] = [
    [Math.floor(whole / 86_400), 'day'],
    [Math.floor((whole % 86_400) / 3600), 'hour'],
    [Math.floor((whole % 3600) / 60), 'minute'],
    [whole % 60, 'second'],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  const shown = first < 0 ? parts.slice(3) : parts.slice(first, first + 2).filter(([value], i) => i === 0 || value > 0);
  return shown
    .map(([value, unit]) =>
      new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: language === 'en' ? 'narrow' : 'short' })
        .format(value)
        .replace(/(?<=\d)(?=[a-z])/, '\u202f'),
    )
    .join(' ');
}
