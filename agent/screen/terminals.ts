// Where the status page goes: a full page on the first virtual terminal, lines on serial consoles. Drawing never waits for a slow line.
import { constants, openSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { PageWriter } from './page-writer.ts';
import { messageWords, type PageSize, renderLine, renderPage } from './render.ts';
import type { LogLine, Status } from './status.ts';
import type { Words } from './words/words.ts';

/** Changes of state are drawn at once, but not more often than this. */
const changeMs = 1000;
/** A serial line does not tell; this is what all have. */
const serialSize = { columns: 79, rows: 24 };

/** Something that shows the status; `draw` is called at intervals. */
export type Terminal = {
  draw(status: Status): void;
  log(line: LogLine): void;
  /** Something else has been drawn meanwhile: the next page is a whole one. */
  refresh?(): void;
};

/** What a person can do at a terminal, in a few words; empty when it is nothing. */
export type Offer = () => string;
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

export type Line = { readonly path: string; readonly kind: 'page' | 'line'; readonly size: PageSize };

/** The machine's own screens: the virtual terminal if there is one, and every serial line that is a console or has a port behind it. */
export async function listLines(): Promise<Line[]> {
  const active = (await readText('/sys/class/tty/console/active')).split(/\s+/);
  const serial = new Set(active.filter((name) => name !== '' && !/^tty\d+$/.test(name)));
  // Type 0 is a port that is not there (PORT_UNKNOWN, include/uapi/linux/serial_core.h).
  if (!['', '0'].includes(await readText('/sys/class/tty/ttyS0/type'))) serial.add('ttyS0');
  const lines = [...serial].map((name) => ({ path: `/dev/${name}`, kind: 'line' as const, size: serialSize }));
  return [...lines, { path: '/dev/tty1', kind: 'page', size: await pageSize() }];
}

/** Lines: each message once, and the status when it has changed. */
export function lineTerminal(write: (text: string) => void, words: Words, offer = nothing): Terminal {
  let last = '';
  return {
    draw: ({ model }) => {
      const offered = model.job === null && model.waitingFor.length > 0 ? offer() : '';
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

type PageStyle = { readonly size: PageSize; readonly words: Words; readonly offer?: Offer };

/** A full page in ANSI. */
export function pageTerminal(write: (text: string) => void, { size, words, offer = nothing }: PageStyle): Terminal {
  const page = new PageWriter(write);
  return {
    draw: ({ model }) => {
      const lines = renderPage(model, size, words);
      const offered = offer();
      page.draw(offered === '' ? lines : [...lines.slice(0, -1), offered]);
    },
    log: () => undefined,
    refresh: () => page.forget(),
  };
}

/** Null where there is no such line. */
export function openWriter(path: string): ((text: string) => void) | null {
  let fd: number | null = openQuietly(path);
  if (fd === null) return null;
  return (text) => {
    try {
      if (fd !== null) writeSync(fd, text);
    } catch (thrown) {
      // A line that is full loses this text. One that is gone is left alone from now on; its descriptor stays taken, so that nothing else
      // can ever get the same number and this text.
      if ((thrown as NodeJS.ErrnoException).code !== 'EAGAIN') fd = null;
    }
  };
}

function openQuietly(path: string): number | null {
  try {
    return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return null;
  }
}

/** What the kernel says of the first virtual terminal; 80 by 25 when it says nothing. The last column is left free, so no line wraps. */
async function pageSize(): Promise<PageSize> {
  const [width, height] = (await readText('/sys/class/graphics/fb0/virtual_size')).split(',').map(Number);
  if (!width || !height) return { columns: 79, rows: 25 };
  // The kernel's default font is 8 by 16 points.
  return { columns: Math.min(200, Math.floor(width / 8) - 1), rows: Math.min(60, Math.floor(height / 16)) };
}

async function readText(path: string): Promise<string> {
  return (await readFile(path, 'utf8').catch(() => '')).trim();
}
