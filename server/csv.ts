// Tables as CSV (RFC 4180) that a spreadsheet may open without harm: no cell of text becomes a formula.

export type Cell = string | number | boolean | null;

export function toCsv(headings: readonly string[], rows: readonly (readonly Cell[])[]): string {
  return [headings, ...rows].map((row) => `${row.map(toCell).join(',')}\r\n`).join('');
}

/** https://owasp.org/www-community/attacks/CSV_Injection: a quote in front keeps text that begins like a formula what it is; full-width signs count in some countries. */
function toCell(value: Cell): string {
  if (value === null) return '';
  if (typeof value !== 'string') return String(value);
  const text = /^[=+\-@＝＋－＠\t\r\n]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
