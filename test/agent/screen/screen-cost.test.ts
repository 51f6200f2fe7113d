import { expect, it } from 'vitest';
import { ConsoleFont } from '../../../agent/screen/console-font.ts';
import { ConsolePage } from '../../../agent/screen/console-page.ts';
import { renderPage } from '../../../agent/screen/render.ts';
import { Status } from '../../../agent/screen/status.ts';
import { en } from '../../../agent/screen/words/en.ts';
import { ja } from '../../../agent/screen/words/ja.ts';
import type { Words } from '../../../agent/screen/words/words.ts';
import { makeGlyphs } from '../../fixtures/screen/make-glyphs.ts';

const draws = 200;
const ascii = Array.from({ length: 95 }, (_, i) => String.fromCharCode(0x20 + i)).join('');
const size = { columns: 79, rows: 25 };

/** What is written while a job runs from its first byte to its last, with everything in it that can be long. */
async function costOf(words: Words): Promise<{ firstBytes: number; bytesPerDraw: number; fonts: number }> {
  const status = new Status('https://10.0.0.1:7433');
  status.update({
    stage: ({ stage }) => stage.running('夜間'),
    connected: true,
    machineName: '経理 PC-03',
    machineState: 'approved',
  });
  for (let i = 0; i < 50; i++) status.log('warning', 'NTFS was not unmounted cleanly. '.repeat(4));
  const jobAt = (share: number) => ({
    ...{ title: '夜間', step: 0, steps: 1, phase: 'capture', bytesTotal: 2 ** 42, bytesTransferred: 2 ** 41 * share },
    ...{ bytesDone: 2 ** 42 * share, bytesPerSecond: 50_000_000 + 40_000_000 * Math.sin(share * 100) },
  });
  status.setJob(jobAt(0));
  const wide = renderPage(status.model, size, words)
    .join('')
    .replaceAll(/[\x20-\x7e]+/g, '');
  let bytes = 0;
  let fonts = 0;
  const console = {
    write: (text: string) => {
      bytes += Buffer.byteLength(text);
    },
    look: () => ({ size, driver: '' }),
    loadFont: async () => {
      fonts++;
      return true;
    },
  };
  const font = new ConsoleFont(
    makeGlyphs(
      ascii,
      `${wide}${Object.values(ja.duration)
        .map((say) => say(1, 1))
        .join('')}`.replaceAll(/[\x20-\x7e]+/g, ''),
    ),
  );
  const page = new ConsolePage(console, words, font);
  const draw = async (): Promise<void> => {
    page.draw((style) => ({ lines: renderPage(status.model, style.size, style.words) }));
    await new Promise((resolve) => setImmediate(resolve));
  };
  await draw();
  const firstBytes = bytes;
  for (let i = 1; i <= draws; i++) {
    status.setJob(jobAt(i / draws));
    await draw();
  }
  return { firstBytes, bytesPerDraw: (bytes - firstBytes) / draws, fonts };
}

it('costs a running job 300 bytes of screen a draw, in Japanese too, and no font but for a new unit of time (R5)', async () => {
  const english = await costOf(en);
  const japanese = await costOf(ja);
  expect(english.firstBytes).toBeGreaterThan(1500);
  expect(english.bytesPerDraw).toBeLessThan(300);
  expect(japanese.bytesPerDraw).toBeLessThan(300);
  // The first page; then hours, minutes and seconds as the time left becomes less.
  expect(english.fonts).toBe(1);
  expect(japanese.fonts).toBeLessThanOrEqual(4);
});
