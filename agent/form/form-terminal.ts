// The form on one terminal, in the place of what else is shown there: keys open it, fill it in and confirm it.
import type { SettingWords } from '../1-boot/settings.ts';
import type { Page } from '../screen/page-writer.ts';
import { renderLine } from '../screen/render.ts';
import type { LogLine, Status } from '../screen/status.ts';
import type { Terminal } from '../screen/terminals.ts';
import { type FormState, openForm, pressKey } from './form.ts';
import type { Key } from './keys.ts';
import { type Memory, renderForm } from './render-form.ts';

/** A form that nobody touches makes way for the status: whoever comes next wants to see that. */
const idleMs = 10 * 60_000;
const keptLogLines = 50;

export type FormHost = {
  readonly status: Status;
  /** What is set now, right or wrong. */
  readonly words: SettingWords;
  /** Not while a job runs, which another network would end. */
  readonly canOpen: () => boolean;
  readonly findMemory: () => Promise<Memory>;
  /** Ends the agent, which begins again with the new settings; comes back, and never with an error, where it could not. */
  readonly apply: (words: SettingWords, remember: boolean) => Promise<void>;
};

export type FormTerminalOptions = {
  /** What is shown while there is no form. */
  readonly inner: Terminal;
  readonly write: (text: string) => void;
  /** The form's place on it; the status has the same, where that is a page. */
  readonly page: Page;
  readonly host: FormHost;
  /** A serial line scrolls: it is left clean. */
  readonly kind: 'page' | 'line';
};

export class FormTerminal implements Terminal {
  readonly #options: FormTerminalOptions;
  #form: FormState | null = null;
  #memory: Memory = { can: false, say: ({ medium }) => medium.looking };
  #isApplying = false;
  #isLooking = false;
  #touchedMs = 0;
  #held: LogLine[] = [];

  constructor(options: FormTerminalOptions) {
    this.#options = options;
  }

  draw(status: Status): void {
    const { host, inner } = this.#options;
    const idle = performance.now() - this.#touchedMs > idleMs;
    if (this.#form !== null && !this.#isApplying && (idle || !host.canOpen())) this.#close();
    if (this.#form === null) inner.draw(status);
    else if (!this.#memory.can) void this.#look();
    this.#drawForm();
  }

  log(line: LogLine): void {
    if (this.#form === null) this.#options.inner.log(line);
    else this.#held = [...this.#held, line].slice(-keptLogLines);
  }

  press(keys: readonly Key[]): void {
    const { host } = this.#options;
    for (const key of keys) {
      if (this.#isApplying) return;
      this.#touchedMs = performance.now();
      if (this.#form !== null) this.#pressInForm(this.#form, key);
      else if (opens(key, this.#options.kind) && host.canOpen()) this.open();
    }
    if (this.#form !== null) this.#drawForm();
  }

  open(): void {
    this.#touchedMs = performance.now();
    this.#form = openForm(this.#options.host.words);
    this.#options.page.forget();
    void this.#look();
    this.#drawForm();
  }

  /** A stick may come up later than the form. */
  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#memory = await this.#options.host.findMemory();
    this.#isLooking = false;
    this.#drawForm();
  }

  #pressInForm(form: FormState, key: Key): void {
    const { host } = this.#options;
    const nicNames = host.status.model.nics.map(({ name }) => name);
    const { state, outcome } = pressKey(form, key, nicNames);
    this.#form = state;
    if (outcome.kind === 'redraw') this.#options.page.forget();
    if (outcome.kind === 'left') this.#close();
    if (outcome.kind !== 'apply') return;
    if (host.canOpen()) void this.#apply(outcome.words, outcome.remember);
    else this.#close();
  }

  async #apply(words: SettingWords, remember: boolean): Promise<void> {
    this.#isApplying = true;
    const { page } = this.#options;
    page.forget();
    page.draw(({ words }) => ({ lines: [words.form.applying] }));
    await this.#options.host.apply(words, remember);
    // It comes back only if it could not.
    this.#isApplying = false;
    this.#close();
  }

  #drawForm(): void {
    if (this.#form === null || this.#isApplying) return;
    const form = this.#form;
    const { page, host } = this.#options;
    const { model } = host.status;
    page.draw(({ size, words }) => {
      const status = [
        ...renderLine(model, words).split(' | '),
        ...model.messages.slice(-1).map(({ message }) => message),
      ];
      return renderForm(form, { memory: this.#memory, status }, size, words);
    });
  }

  #close(): void {
    const { inner, kind, write, host } = this.#options;
    this.#form = null;
    write(kind === 'line' ? '\x1b[2J\x1b[H' : '\x1b[?25l');
    inner.refresh?.();
    for (const line of this.#held.splice(0)) inner.log(line);
    inner.draw(host.status);
  }
}

function opens(key: Key, kind: 'page' | 'line'): boolean {
  if ('text' in key) return key.text.toLowerCase() === 's';
  return key.name === 'settings' || (key.name === 'enter' && kind === 'line');
}
