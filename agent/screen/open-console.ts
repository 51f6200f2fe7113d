// The machine's own screen as it is in the Deploy-OS: the first virtual terminal, on VGA text or on a framebuffer.
import { spawn } from 'node:child_process';
import { constants, openSync, readFileSync } from 'node:fs';
import { WriteStream } from 'node:tty';
import { ConsoleFont } from './console-font.ts';
import { ConsolePage } from './console-page.ts';
import { Glyphs } from './glyphs.ts';
import { openWriter } from './open-writer.ts';
import type { PageSize } from './render.ts';
import type { Words } from './words/words.ts';

const device = '/dev/tty1';
const glyphsFile = '/usr/lib/deploy-os/console-glyphs';
const loadTimeoutMs = 5000;
/** Of a page; a larger console leaves the rest empty. */
const most: PageSize = { columns: 200, rows: 60 };

export type OpenConsole = {
  readonly path: string;
  readonly write: (text: string) => void;
  readonly page: ConsolePage;
};

/** Null when the machine has none. */
export function openConsole(words: Words): OpenConsole | null {
  const write = openWriter(device);
  if (write === null) return null;
  const fd = openSync(device, constants.O_RDWR | constants.O_NOCTTY);
  const terminal = new WriteStream(fd);
  const glyphs = Glyphs.open(glyphsFile);
  const console = {
    write,
    look: () => ({ size: pageSizeOf(readSize(terminal)), driver: readQuietly('/proc/fb') }),
    loadFont: async (psf: Buffer) => hasUsualCells(readSize(terminal)) && (await loadFont(psf, fd)),
  };
  const page = new ConsolePage(console, words, glyphs === null ? null : new ConsoleFont(glyphs));
  return { path: device, write, page };
}

/** What the kernel says; 80 by 25 when it says nothing. */
function readSize(terminal: WriteStream): PageSize {
  const [columns = 0, rows = 0] = terminal.getWindowSize();
  return columns > 0 && rows > 0 ? { columns, rows } : { columns: 80, rows: 25 };
}

/** The last column is left free, so that no line wraps. */
function pageSizeOf({ columns, rows }: PageSize): PageSize {
  return { columns: Math.min(most.columns, columns - 1), rows: Math.min(most.rows, rows) };
}

/** On a very fine screen the kernel takes letters of 16 by 32 points; ours would be too small to read there. */
function hasUsualCells({ columns }: PageSize): boolean {
  const width = Number(readQuietly('/sys/class/graphics/fb0/virtual_size').split(',')[0]);
  return !(width / columns > 12);
}

/** Busybox's loadfont takes the font from its standard input, and the console by its standard error when it has no terminal of its own. */
async function loadFont(psf: Buffer, console: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const child = spawn('busybox', ['loadfont'], { stdio: ['pipe', 'ignore', console], timeout: loadTimeoutMs });
    child.once('error', () => resolve(false));
    child.once('close', (status) => resolve(status === 0));
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(psf);
  });
}

function readQuietly(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}
