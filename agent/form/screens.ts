// The machine's screens, each with the status and the form.
import { lineTerminal, listLines, openWriter, pageTerminal, type Terminal } from '../screen/terminals.ts';
import type { Words } from '../screen/words/words.ts';
import { type FormHost, FormTerminal } from './form-terminal.ts';
import { listenToKeys } from './keyboard.ts';

export type ScreenOptions = {
  readonly host: FormHost;
  readonly words: Words;
  /** A shell reads the serial lines, and would have every second key. */
  readonly shellOnLines: boolean;
  /** Nothing can be done without it: the form is there at once. */
  readonly openAtOnce: boolean;
};

export async function openScreens({ host, words, shellOnLines, openAtOnce }: ScreenOptions): Promise<Terminal[]> {
  const terminals: Terminal[] = [];
  for (const { path, kind, size } of await listLines()) {
    const write = openWriter(path);
    if (write === null) continue;
    const offer = (): string => (host.canOpen() ? words.form[kind === 'page' ? 'offer' : 'offerOnLine'] : '');
    if (kind === 'line' && shellOnLines) {
      terminals.push(lineTerminal(write, words));
      continue;
    }
    const inner = kind === 'page' ? pageTerminal(write, { size, words, offer }) : lineTerminal(write, words, offer);
    const terminal = new FormTerminal({ inner, write, size, words, host, kind });
    listenToKeys(path, (keys) => terminal.press(keys));
    // A serial line may be somebody's log.
    if (openAtOnce && kind === 'page') terminal.open();
    terminals.push(terminal);
  }
  return terminals;
}
