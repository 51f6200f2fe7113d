// The machine's own screen, with a font of what is shown on it just now. Nothing is drawn while a font is on its way to the kernel.
import { type ConsoleFont, toAscii } from './console-font.ts';
import { type Page, type PageStyle, PageWriter, type Rendered } from './page-writer.ts';
import type { PageSize } from './render.ts';
import { en } from './words/en.ts';
import type { Words } from './words/words.ts';

/** A virtual terminal. */
export type Console = {
  write(text: string): void;
  /** How large it is now, and which driver shows it: another one that takes over has forgotten the font. */
  look(): { readonly size: PageSize; readonly driver: string };
  /** Whether it could. */
  loadFont(psf: Buffer): Promise<boolean>;
};

type Render = (style: PageStyle) => Rendered;

export class ConsolePage implements Page {
  readonly #console: Console;
  readonly #words: Words;
  readonly #writer: PageWriter;
  /** Null on a console that cannot have one. */
  #font: ConsoleFont | null;
  #seen = '';
  #loading = false;
  /** What came while a font was being loaded. */
  #next: Render | undefined;

  /** Without a font, and from when it cannot be loaded, it speaks English. */
  constructor(console: Console, words: Words, font: ConsoleFont | null) {
    this.#console = console;
    this.#words = words;
    this.#font = font;
    this.#writer = new PageWriter((text) => console.write(text));
  }

  forget(): void {
    this.#writer.forget();
  }

  draw(render: Render): void {
    if (this.#loading) {
      this.#next = render;
      return;
    }
    const { size, driver } = this.#console.look();
    const seen = `${size.columns} ${size.rows} ${driver}`;
    const isNew = seen !== this.#seen;
    this.#seen = seen;
    if (isNew) this.forget();
    const font = this.#font;
    const page = render({ size, words: font === null ? en : this.#words });
    if (font === null) {
      this.#writer.draw({ ...page, lines: page.lines.map(toAscii) });
      return;
    }
    const { lines, changed } = font.fit(page.lines);
    const fitted = { ...page, lines };
    if (changed || (isNew && font.isUsed)) void this.#load(font, render, fitted);
    else this.#writer.draw(fitted);
  }

  async #load(font: ConsoleFont, render: Render, fitted: Rendered): Promise<void> {
    this.#loading = true;
    const loaded = await this.#console.loadFont(font.toPsf());
    this.#loading = false;
    if (loaded) this.#writer.draw(fitted);
    else this.#font = null;
    const next = this.#next ?? (loaded ? undefined : render);
    this.#next = undefined;
    if (next !== undefined) this.draw(next);
  }
}
