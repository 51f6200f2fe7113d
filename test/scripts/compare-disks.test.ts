import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { compareDisks } from '../../scripts/lab/compare-disks.ts';

const mib = 1024 * 1024;

describe('comparing the used blocks of two disks', () => {
  let folder = '';
  let a = '';
  let b = '';
  const bytes = randomBytes(9 * mib);
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'compare-disks-'));
    [a, b] = [path.join(folder, 'a'), path.join(folder, 'b')];
    writeFileSync(a, bytes);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const whole = [{ startBytes: 0, lengthBytes: 9 * mib }];

  test('equal disks have no difference', async () => {
    writeFileSync(b, bytes);
    expect(await compareDisks(a, b, whole)).toEqual({ comparedBytes: 9 * mib, differences: [] });
  });

  test('one flipped bit is found in its block, wherever a piece ends', async () => {
    for (const at of [0, 4 * mib - 1, 4 * mib, 9 * mib - 1]) {
      const other = Buffer.from(bytes);
      other[at] = (other[at] ?? 0) ^ 1;
      writeFileSync(b, other);
      const { differences } = await compareDisks(a, b, whole);
      expect(differences).toEqual([{ startBytes: at - (at % 4096), lengthBytes: 4096 }]);
    }
  });

  test('bytes outside the used extents may differ', async () => {
    writeFileSync(b, Buffer.concat([randomBytes(mib), bytes.subarray(mib)]));
    const extents = [{ startBytes: mib, lengthBytes: 8 * mib }];
    expect((await compareDisks(a, b, extents)).differences).toEqual([]);
  });

  test('a disk that ends too early differs from there on', async () => {
    writeFileSync(b, bytes);
    truncateSync(b, 5 * mib);
    const { differences } = await compareDisks(a, b, whole);
    expect(differences).toEqual([{ startBytes: 5 * mib, lengthBytes: 4 * mib }]);
  });
});
