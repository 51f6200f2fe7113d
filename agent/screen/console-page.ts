// The machine's own screen as a page of lines. Only what has changed is sent, since drawing is dear on emulated screens, and never while a font is
// on its way to the kernel.
import type { ConsoleFont } from './console-font.ts';
import { toAscii } from './console-font.ts';
import type { PageSize } from './render.ts';
import { en } from './words/en.ts';
import type { Words } from './words/words.ts';

/** The page is drawn whole now and then: kernel messages may have overwritten it. */
const wholePageMs = 60_000;

/** A virtual terminal. */
export type Console = {
  write(text: string): void;
  /** How large it is now, and which driver shows it: another one that takes over has forgotten the font. */
  look(): { readonly size: PageSize; readonly driver: string };
  /** Whether it could. */
  loadFont(psf: Buffer): Promise<boolean>;
};

export type PageStyle = { readonly size: PageSize; readonly words: Words };
/** Exactly as many lines as the page has rows, none wider than it. */
export type Render = (style: PageStyle) => readonly string[];

export class ConsolePage {
  readonly #console: Console;
  readonly #words: Words;
  /** Null on a console that cannot have one. */
  #font: ConsoleFont | null;
  #last: readonly string[] = [];
  #seen = '';
  #wholeAtMs = Number.NEGATIVE_INFINITY;
  #loading = false;
  /** What came while a font was being loaded. */
  #next: Render | undefined;

  /** Without a font, and from when it cannot be loaded, it speaks English. */
  constructor(console: Console, words: Words, font: ConsoleFont | null) {
    this.#console = console;
    this.#words = words;
    this.#font = font;
  }

  draw(render: Render): void {
    if (this.#loading) {
      this.#next = render;
      return;
    }
    const { size, driver } = this.#console.look();
    const seen = `${size.columns} ${size.rows} ${driver}`;
    const whole = seen !== this.#seen || performance.now() - this.#wholeAtMs > wholePageMs;
    this.#seen = seen;
    if (whole) this.#wholeAtMs = performance.now();
    const font = this.#font;
    const lines = render({ size, words: font === null ? en : this.#words });
    if (font === null) {
      this.#write(lines.map(toAscii), whole);
      return;
    }
    const fitted = font.fit(lines);
    if (fitted.changed || (whole && font.isUsed)) void this.#load(font, render, () => this.#write(fitted.lines, whole));
    else this.#write(fitted.lines, whole);
  }

  async #load(font: ConsoleFont, render: Render, write: () => void): Promise<void> {
    this.#loading = true;
    const loaded = await this.#console.loadFont(font.toPsf());
    this.#loading = false;
    if (loaded) write();
    else this.#font = null;
    const next = this.#next ?? (loaded ? undefined : render);
    this.#next = undefined;
    if (!loaded) this.#seen = '';
    if (next !== undefined) this.draw(next);
  }

  #write(lines: readonly string[], whole: boolean): void {
    const changed = lines.flatMap((line, row) =>
      whole || line !== this.#last[row] ? [`\x1b[${row + 1};1H${line}\x1b[K`] : [],
    );
    if (changed.length > 0) this.#console.write(`${whole ? '\x1b[?25l\x1b[2J' : ''}${changed.join('')}`);
    this.#last = lines;
  }
}
