// The machine's screens, each with the status and the form.
import { openConsole } from '../screen/open-console.ts';
import { openWriter } from '../screen/open-writer.ts';
import { plainPage } from '../screen/page-writer.ts';
import { lineTerminal, listSerialLines, pageTerminal, type Terminal } from '../screen/terminals.ts';
import type { Words } from '../screen/words/words.ts';
import { type FormHost, FormTerminal } from './form-terminal.ts';
import { listenToKeys } from './keyboard.ts';

/** A serial line does not tell; this is what all have. */
const serialSize = { columns: 79, rows: 24 };

export type ScreenOptions = {
  readonly host: FormHost;
  readonly words: Words;
  /** A shell reads the serial lines, and would have every second key. */
  readonly shellOnLines: boolean;
  /** Nothing can be done without it: the form is there at once. */
  readonly openAtOnce: boolean;
};

/** The machine's own screen, if it has one, and its serial lines. */
export async function openScreens(options: ScreenOptions): Promise<Terminal[]> {
  const lines = (await listSerialLines()).map((path) => openLine(path, options));
  return [...lines, openPage(options)].filter((terminal) => terminal !== null);
}

function openLine(path: string, { host, words, shellOnLines }: ScreenOptions): Terminal | null {
  const write = openWriter(path);
  if (write === null) return null;
  if (shellOnLines) return lineTerminal(write, words);
  const inner = lineTerminal(write, words, ({ form }) => (host.canOpen() ? form.offerOnLine : ''));
  const page = plainPage(write, { size: serialSize, words });
  const terminal = new FormTerminal({ inner, write, page, host, kind: 'line' });
  listenToKeys(path, (keys) => terminal.press(keys));
  return terminal;
}

function openPage({ host, words, openAtOnce }: ScreenOptions): Terminal | null {
  const console = openConsole(words);
  if (console === null) return null;
  const { path, page, write } = console;
  const inner = pageTerminal(page, ({ form }) => (host.canOpen() ? form.offer : ''));
  const terminal = new FormTerminal({ inner, write, page, host, kind: 'page' });
  listenToKeys(path, (keys) => terminal.press(keys));
  // A serial line may be somebody's log.
  if (openAtOnce) terminal.open();
  return terminal;
}
