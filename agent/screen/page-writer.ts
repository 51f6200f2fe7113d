// Brings pages to a terminal in ANSI: only lines that differ from the last page are sent, since drawing is dear on emulated screens and slow lines.
import type { PageSize } from './render.ts';
import type { Words } from './words/words.ts';

/** Of the screen that a page is for. */
export type PageStyle = { readonly size: PageSize; readonly words: Words };

/** Exactly as many lines as the page has rows, none wider than it; `cursor`, from 0, is shown where there is one. */
export type Rendered = { readonly lines: readonly string[]; readonly cursor?: Cursor };
type Cursor = { readonly row: number; readonly column: number };

/** A screen for pages. */
export type Page = {
  draw(render: (style: PageStyle) => Rendered): void;
  /** The next page is drawn whole. */
  forget(): void;
};

/** A terminal that shows every character by itself, and does not change. */
export function plainPage(write: (text: string) => void, style: PageStyle): Page {
  const writer = new PageWriter(write);
  return {
    draw: (render) => writer.draw(render(style)),
    forget: () => writer.forget(),
  };
}

/** The page is drawn whole now and then: kernel messages may have overwritten it. */
const wholePageMs = 60_000;

export class PageWriter {
  readonly #write: (text: string) => void;
  #last: readonly string[] = [];
  #place = '';
  #wholeAtMs = Number.NEGATIVE_INFINITY;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** The next page is drawn whole. */
  forget(): void {
    this.#wholeAtMs = Number.NEGATIVE_INFINITY;
  }

  draw({ lines, cursor }: Rendered): void {
    const whole = performance.now() - this.#wholeAtMs > wholePageMs;
    if (whole) this.#wholeAtMs = performance.now();
    const changed = lines.flatMap((line, row) =>
      whole || line !== this.#last[row] ? [`\x1b[${row + 1};1H${line}\x1b[K`] : [],
    );
    this.#last = lines;
    const place = cursor === undefined ? '' : `\x1b[${cursor.row + 1};${cursor.column + 1}H\x1b[?25h`;
    const moved = place !== this.#place;
    this.#place = place;
    if (changed.length > 0 || moved) this.#write(`${whole ? '\x1b[?25l\x1b[2J' : ''}${changed.join('')}${place}`);
  }
}
