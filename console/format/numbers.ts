// Bytes, rates, shares and counts in words, the same way the command line writes them (powers of 1024).

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** `512 B`, `8.0 GiB`, `120 GiB` */
export function formatBytes(bytes: number, language = 'en'): string {
  const power = Math.max(0, Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  const value = bytes / 1024 ** power;
  const digits = power === 0 || value >= 100 ? 0 : 1;
  const text = new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return `${text.format(value)} ${units[power]}`;
}

export function formatRate(bytesPerSecond: number, language = 'en'): string {
  return `${formatBytes(bytesPerSecond, language)}/s`;
}

/** 0.427 → `42.7 %` in the language's own form; never 100 before the end. */
export function formatShare(share: number, language = 'en'): string {
  const bounded = share >= 1 ? 1 : Math.min(0.999, Math.max(0, share));
  return new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 1 }).format(bounded);
}

export function formatCount(count: number, language = 'en'): string {
  return new Intl.NumberFormat(language).format(count);
}
