// Which rows of a long table are in sight.

export type Column = {
  readonly key: string;
  readonly label: string;
  /** As CSS has it; a column without one shares what is left. */
  readonly width?: string;
  readonly sortable?: boolean;
  readonly number?: boolean;
  /** Left out on windows narrower than this. */
  readonly from?: 'tablet' | 'desktop';
};

export type Order = { readonly key: string; readonly descending: boolean };

/** Rows above and below what is seen, so that fast scrolling and the Tab key find them there. */
const spareRows = 12;

/** `topPixels` is where the first row is, seen from the window's upper edge; `end` is the row after the last. */
export function rowsInSight(
  count: number,
  rowPixels: number,
  topPixels: number,
  windowPixels: number,
): { start: number; end: number } {
  const first = Math.floor(-topPixels / rowPixels) - spareRows;
  const last = Math.ceil((windowPixels - topPixels) / rowPixels) + spareRows;
  const end = Math.min(count, Math.max(0, last));
  return { start: Math.min(Math.max(0, first), end), end };
}

/** A column that is chosen again turns round. */
export function nextOrder(order: Order, key: string): Order {
  return { key, descending: order.key === key && !order.descending };
}
