// Figures and foreign text in the form the status page shows them.
import type { Words } from './words/words.ts';

/** `42 s`, `3 min 5 s`, `2 h 4 min` */
export function formatDuration(seconds: number, { duration }: Words): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return duration.seconds(whole);
  if (whole < 3600) return duration.minutes(Math.floor(whole / 60), whole % 60);
  return duration.hours(Math.floor(whole / 3600), Math.floor((whole % 3600) / 60));
}

/** `text` without anything that could steer a terminal: names and messages come from disks, firmware and the server. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, '?');
}
