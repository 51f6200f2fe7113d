// Where the status page goes: a full page on the first virtual terminal, lines on serial consoles. Drawing never waits for a slow line.
import { readFile } from 'node:fs/promises';
import type { Page } from './page-writer.ts';
import { messageWords, renderLine, renderPage } from './render.ts';
import type { LogLine, Status } from './status.ts';
import type { Say, Words } from './words/words.ts';

/** Changes of state are drawn at once, but not more often than this. */
const changeMs = 1000;

/** Something that shows the status; `draw` is called at intervals. */
export type Terminal = {
  draw(status: Status): void;
  log(line: LogLine): void;
  /** Something else has been drawn meanwhile: the next page is a whole one. */
  refresh?(): void;
};

/** What a person can do at a terminal, in a few words; empty when it is nothing. */
export type Offer = Say;
const nothing: Offer = () => '';

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

/** Every serial line that is a console or has a port behind it. */
export async function listSerialLines(): Promise<string[]> {
  const active = (await readText('/sys/class/tty/console/active')).split(/\s+/);
  const serial = new Set(active.filter((name) => name !== '' && !/^tty\d+$/.test(name)));
  // Type 0 is a port that is not there (PORT_UNKNOWN, include/uapi/linux/serial_core.h).
  if (!['', '0'].includes(await readText('/sys/class/tty/ttyS0/type'))) serial.add('ttyS0');
  return [...serial].map((name) => `/dev/${name}`);
}

/** Lines: each message once, and the status when it has changed. */
export function lineTerminal(write: (text: string) => void, words: Words, offer = nothing): Terminal {
  let last = '';
  return {
    draw: ({ model }) => {
      const offered = model.job === null && model.waitingFor.length > 0 ? offer(words) : '';
      const line = [renderLine(model, words), offered].filter(Boolean).join(' | ');
      if (line !== last) write(`${line}\r\n`);
      last = line;
    },
    log: (message) => write(`${messageWords(message, words)}\r\n`),
    refresh: () => {
      last = '';
    },
  };
}

/** A full page in ANSI. */
export function pageTerminal(page: Page, offer = nothing): Terminal {
  return {
    draw: ({ model }) => {
      page.draw(({ size, words }) => {
        const lines = renderPage(model, size, words);
        const offered = offer(words);
        return { lines: offered === '' ? lines : [...lines.slice(0, -1), offered] };
      });
    },
    log: () => undefined,
    refresh: () => page.forget(),
  };
}

async function readText(path: string): Promise<string> {
  return (await readFile(path, 'utf8').catch(() => '')).trim();
}
