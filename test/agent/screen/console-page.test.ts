import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ConsoleFont } from '../../../agent/screen/console-font.ts';
import { type Console, ConsolePage } from '../../../agent/screen/console-page.ts';
import type { PageStyle } from '../../../agent/screen/page-writer.ts';
import { en } from '../../../agent/screen/words/en.ts';
import { ja } from '../../../agent/screen/words/ja.ts';
import { makeGlyphs } from '../../fixtures/screen/make-glyphs.ts';

const ascii = Array.from({ length: 95 }, (_, i) => String.fromCharCode(0x20 + i)).join('');

/** A console that remembers what came, in its order. */
class TestConsole implements Console {
  readonly said: string[] = [];
  size = { columns: 79, rows: 25 };
  driver = '';
  canLoad = true;
  /** How long it takes to load a font. */
  loadMs = 0;

  write(text: string): void {
    this.said.push(text);
  }

  look() {
    return { size: this.size, driver: this.driver };
  }

  async loadFont(psf: Buffer): Promise<boolean> {
    if (this.loadMs > 0) await sleep(this.loadMs);
    this.said.push(`font of ${psf.length} bytes`);
    return this.canLoad;
  }
}

const settled = async (): Promise<void> => await sleep(1);
const words = ({ words }: PageStyle) => ({ lines: [words.page.status] });
const lines =
  (...lines: string[]) =>
  () => ({ lines });
/** With `#` for each place of the font. */
const plain = (text = ''): string => text.replaceAll(/[\uf000-\uf1ff]/g, '#');
const aFont = 'font of 8196 bytes';

let console: TestConsole;
beforeEach(() => {
  console = new TestConsole();
});

describe('a page on the console', () => {
  it('needs no font for ASCII', async () => {
    const page = new ConsolePage(console, en, new ConsoleFont(makeGlyphs(ascii, '状態')));
    page.draw(words);
    await settled();
    expect(console.said).toEqual(['\x1b[?25l\x1b[2J\x1b[1;1HStatus\x1b[K']);
  });

  it('loads the font before what needs it, once, and sends only what has changed', async () => {
    const page = new ConsolePage(console, ja, new ConsoleFont(makeGlyphs(ascii, '状態準')));
    page.draw(lines('状態', 'one'));
    await settled();
    page.draw(lines('状態', 'two'));
    page.draw(lines('状態', 'two'));
    page.draw(lines('態状', 'two'));
    await settled();
    expect(console.said).toHaveLength(4);
    expect(console.said[0]).toBe(aFont);
    expect(plain(console.said[1])).toBe('\x1b[?25l\x1b[2J\x1b[1;1H####\x1b[K\x1b[2;1Hone\x1b[K');
    expect(console.said[2]).toBe('\x1b[2;1Htwo\x1b[K');
    expect(plain(console.said[3])).toBe('\x1b[1;1H####\x1b[K');
    page.draw(lines('準状', 'two'));
    await settled();
    expect(console.said.filter((text) => text === aFont)).toHaveLength(2);
  });

  it('draws only the latest of what came while a font was loaded', async () => {
    console.loadMs = 20;
    const page = new ConsolePage(console, ja, new ConsoleFont(makeGlyphs(ascii, '状態')));
    page.draw(lines('状'));
    page.draw(lines('b'));
    page.draw(lines('c'));
    await sleep(60);
    expect(console.said).toHaveLength(3);
    expect(console.said[2]).toBe('\x1b[1;1Hc\x1b[K');
  });

  it('speaks English where no font can be loaded, or none is there, and says nothing of it', async () => {
    console.canLoad = false;
    const page = new ConsolePage(console, ja, new ConsoleFont(makeGlyphs(ascii, '状態')));
    page.draw(words);
    await settled();
    page.draw(words);
    expect(console.said).toEqual([aFont, '\x1b[?25l\x1b[2J\x1b[1;1HStatus\x1b[K']);
    const other = new TestConsole();
    new ConsolePage(other, ja, null).draw(({ words }) => ({ lines: [`${words.page.machine} 状`] }));
    expect(other.said).toEqual(['\x1b[?25l\x1b[2J\x1b[1;1HMachine ? \x1b[K']);
  });

  it('draws the whole page when another driver or size has come, with its font, and once a minute', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const page = new ConsolePage(console, ja, new ConsoleFont(makeGlyphs(ascii, '状態')));
      const sizes: number[] = [];
      const draw = async (): Promise<number> => {
        const before = console.said.length;
        page.draw(({ size }) => {
          sizes.push(size.rows);
          return { lines: ['状態'] };
        });
        await settled();
        return console.said.length - before;
      };
      expect(await draw()).toBe(2);
      expect(await draw()).toBe(0);
      console.size = { columns: 127, rows: 48 };
      expect(await draw()).toBe(2);
      expect(sizes.at(-1)).toBe(48);
      console.driver = '0 bochs-drmdrmfb';
      expect(await draw()).toBe(2);
      expect(await draw()).toBe(0);
      vi.advanceTimersByTime(61_000);
      expect(await draw()).toBe(1);
      expect(console.said.at(-1)).toContain('\x1b[2J');
    } finally {
      vi.useRealTimers();
    }
  });
});
