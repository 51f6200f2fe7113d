// Where the status page goes: a full page on the first virtual terminal, lines on serial consoles. Drawing never waits for a slow line.
import { readFile } from 'node:fs/promises';
import type { ConsolePage } from './console-page.ts';
import { openConsolePage } from './open-console.ts';
import { openWriter } from './open-writer.ts';
import { messageWords, renderLine, renderPage } from './render.ts';
import type { LogLine, Status } from './status.ts';
import type { Words } from './words/words.ts';

/** Changes of state are drawn at once, but not more often than this. */
const changeMs = 1000;

/** Something that shows the status; `draw` is called at intervals. */
export type Terminal = { draw(status: Status): void; log(line: LogLine): void };

/** Draws every `intervalMs`, and soon after a change of state. Returns what ends it. */
export function showStatus(status: Status, terminals: readonly Terminal[], intervalMs: number): () => void {
  const draw = (): void => {
    for (const terminal of terminals) terminal.draw(status);
  };
  let pending: NodeJS.Timeout | undefined;
  const drawSoon = (): void => {
    pending ??= setTimeout(
      () => {
        pending = undefined;
        draw();
      },
      Math.min(changeMs, intervalMs),
    ).unref();
  };
  const log = (line: LogLine): void => {
    for (const terminal of terminals) terminal.log(line);
  };
  const regular = setInterval(draw, intervalMs).unref();
  status.listeners.change.add(drawSoon);
  status.listeners.log.add(log);
  draw();
  return () => {
    clearInterval(regular);
    clearTimeout(pending);
    status.listeners.change.delete(drawSoon);
    status.listeners.log.delete(log);
    draw();
  };
}

/** The machine's own screens: the virtual terminal if there is one, and every serial line that is a console or has a port behind it. */
export async function openTerminals(words: Words): Promise<Terminal[]> {
  const active = (await readText('/sys/class/tty/console/active')).split(/\s+/);
  const serial = new Set(active.filter((name) => name !== '' && !/^tty\d+$/.test(name)));
  // Type 0 is a port that is not there (PORT_UNKNOWN, include/uapi/linux/serial_core.h).
  if (!['', '0'].includes(await readText('/sys/class/tty/ttyS0/type'))) serial.add('ttyS0');
  const lines = [...serial].map((name) => openWriter(`/dev/${name}`)).filter((write) => write !== null);
  const page = openConsolePage(words);
  return [...lines.map((write) => lineTerminal(write, words)), ...(page === null ? [] : [pageTerminal(page)])];
}

/** Lines: each message once, and the status when it has changed. */
export function lineTerminal(write: (text: string) => void, words: Words): Terminal {
  let last = '';
  return {
    draw: ({ model }) => {
      const line = renderLine(model, words);
      if (line !== last) write(`${line}\r\n`);
      last = line;
    },
    log: (message) => write(`${messageWords(message, words)}\r\n`),
  };
}

/** A full page. */
function pageTerminal(page: ConsolePage): Terminal {
  return {
    draw: ({ model }) => page.draw(({ size, words }) => renderPage(model, size, words)),
    log: () => undefined,
  };
}

async function readText(path: string): Promise<string> {
  return (await readFile(path, 'utf8').catch(() => '')).trim();
}
