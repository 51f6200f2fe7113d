import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Glyphs } from '../../agent/screen/glyphs.ts';
import { makeConsoleGlyphs } from '../../initramfs/stages/console-font.ts';
import { readPcf } from '../../initramfs/stages/pcf.ts';

type Shape = {
  readonly width: 8 | 16;
  readonly low: readonly [number, number];
  readonly high: readonly [number, number];
};

/** Each row of a made glyph says its code and its own number. */
const rowOf = (code: number, row: number): number => (code * 31 + row * 2654) & 0xffff;

/** As bdftopcf writes it: big-endian, rows padded to four bytes, bearings of a byte; `small`: little-endian, unpadded, bearings of two. */
function makePcf({ width, low, high }: Shape, small = false): Buffer {
  const codes: number[] = [];
  for (let h = high[0]; h <= high[1]; h++) for (let l = low[0]; l <= low[1]; l++) codes.push((h << 8) | l);
  const format = small ? 8 : 8 | 4 | 2;
  const word = (value: number, bytes: number): Buffer => {
    const buffer = Buffer.alloc(bytes);
    if (small) buffer.writeUIntLE(value, 0, bytes);
    else buffer.writeUIntBE(value, 0, bytes);
    return buffer;
  };
  const head = (of: number): Buffer => {
    const buffer = Buffer.alloc(4);
    buffer.writeUInt32LE(of);
    return buffer;
  };
  const metric = [0, width, width, 14, 2];
  const metrics = small
    ? [head(format), word(codes.length, 4), ...codes.flatMap(() => [...metric, 0].map((value) => word(value, 2)))]
    : [
        head(format | 0x100),
        word(codes.length, 2),
        ...codes.map(() => Buffer.from(metric.map((value) => value + 128))),
      ];
  const stride = small ? width / 8 : 4;
  const glyphs = codes.map((code) => {
    const bitmap = Buffer.alloc(16 * stride);
    for (let row = 0; row < 16; row++) bitmap.writeUIntBE(rowOf(code, row) >> (16 - width), row * stride, width / 8);
    return bitmap;
  });
  const offsets = codes.map((_, i) => word(16 * stride * i, 4));
  const bitmaps = [head(format), word(codes.length, 4), ...offsets, Buffer.alloc(16), ...glyphs];
  const bounds = [...low, ...high, 0].map((value) => word(value, 2));
  const encodings = [head(format), ...bounds, ...codes.map((_, i) => word(i, 2))];
  const tables = [
    [4, Buffer.concat(metrics)],
    [8, Buffer.concat(bitmaps)],
    [32, Buffer.concat(encodings)],
  ] as const;
  let at = 8 + 16 * tables.length;
  const entries = tables.map(([type, { length }]) => {
    const entry = Buffer.concat([head(type), head(format), head(length), head(at)]);
    at += length;
    return entry;
  });
  return Buffer.concat([
    Buffer.from('\x01fcp', 'latin1'),
    head(tables.length),
    ...entries,
    ...tables.map(([, bytes]) => bytes),
  ]);
}

const latin: Shape = { width: 8, low: [1, 255], high: [0, 0] };
const kanji: Shape = { width: 16, low: [0x21, 0x7e], high: [0x21, 0x74] };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'console-font-'));
  const fonts = path.join(folder, 'usr/share/fonts/X11/misc');
  await mkdir(fonts, { recursive: true });
  await writeFile(path.join(fonts, 'shnm8x16a.pcf.gz'), gzipSync(makePcf(latin)));
  await writeFile(path.join(fonts, 'shnm8x16r.pcf.gz'), gzipSync(makePcf(latin)));
  await writeFile(path.join(fonts, 'shnmk16.pcf.gz'), gzipSync(makePcf(kanji)));
});
afterEach(async () => await rm(folder, { recursive: true, force: true }));

it('puts into the image what the screen then finds: letters, half-wide kana and kanji', async () => {
  const glyphs = Glyphs.read(await makeConsoleGlyphs(folder));
  const narrow = (code: number): number[] => Array.from({ length: 16 }, (_, row) => rowOf(code, row) >> 8);
  expect(glyphs?.find('A')?.map((cell) => [...cell])).toEqual([narrow(0x41)]);
  expect(glyphs?.find('é')?.map((cell) => [...cell])).toEqual([narrow(0xe9)]);
  expect(glyphs?.find('ｱ')?.map((cell) => [...cell])).toEqual([narrow(0xb1)]);
  // 亜 is the first of level 1, 3021 in JIS X 0208.
  const right = Array.from({ length: 16 }, (_, row) => rowOf(0x3021, row) & 0xff);
  expect(glyphs?.find('亜')?.map((cell) => [...cell])).toEqual([narrow(0x3021), right]);
  expect(glyphs?.find('〜')).toEqual(glyphs?.find('～'));
  expect(glyphs?.find('\u0080')).toBeNull();
  expect(glyphs?.find('한')).toBeNull();
});

it('says when the package has other fonts than it had', async () => {
  await writeFile(path.join(folder, 'usr/share/fonts/X11/misc/shnmk16.pcf.gz'), gzipSync(makePcf(latin)));
  await expect(makeConsoleGlyphs(folder)).rejects.toThrow('xfonts-shinonome has other fonts than it had');
});

it('reads fonts of either byte order and padding', () => {
  const shape: Shape = { width: 16, low: [0x21, 0x23], high: [0x30, 0x31] };
  expect(readPcf(makePcf(shape, true))).toEqual(readPcf(makePcf(shape)));
});
