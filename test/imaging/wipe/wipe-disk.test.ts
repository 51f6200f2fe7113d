// A wipe of disk files: every byte is what was asked for, what was cut off goes on, and nothing is called wiped that is not.
import { randomBytes } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openReader } from '../../../imaging/blockdev/open-reader.ts';
import { openTarget } from '../../../imaging/blockdev/target.ts';
import { makePattern } from '../../../imaging/wipe/pattern.ts';
import { takeSamples, verifyWiped } from '../../../imaging/wipe/verify-wiped.ts';
import { type WipeOptions, wipeDisk } from '../../../imaging/wipe/wipe-disk.ts';
import { encodeWipeMark, readWipeMark } from '../../../imaging/wipe/wipe-mark.ts';
import { withTempDirectory } from '../../fixtures/temp-directory.ts';

const mebibyte = 2 ** 20;
/** No multiple of a piece, nor of a page. */
const sizeBytes = 11 * mebibyte + 512;

function withDisk(work: (file: string, content: Buffer) => Promise<void>, size = sizeBytes): Promise<void> {
  return withTempDirectory(async (folder) => {
    const file = path.join(folder, 'disk.img');
    const content = randomBytes(size);
    await writeFile(file, content);
    await work(file, content);
  });
}

const wipe = (targetPath: string, options: Partial<WipeOptions> = {}) =>
  wipeDisk({ targetPath, method: 'overwrite', ...options });

describe('an overwrite', () => {
  it.each([sizeBytes, mebibyte, 512, 4096 + 512])('leaves %d zeros, all of them read back', async (size) => {
    await withDisk(async (file) => {
      const result = await wipe(file);
      expect((await readFile(file)).equals(Buffer.alloc(size))).toBe(true);
      expect(result).toMatchObject({ done: 'overwritten with zeros', bytesVerified: size, resumedAtBytes: 0 });
      expect(result.verified).toContain(`all ${size} bytes`);
    }, size);
  });

  it('leaves random bytes, and no mark of itself', async () => {
    await withDisk(async (file, content) => {
      await wipe(file, { pattern: 'random' });
      const now = await readFile(file);
      expect(now.length).toBe(sizeBytes);
      // No page is as it was, or blank, or like its neighbour.
      const pages = Array.from({ length: sizeBytes >> 12 }, (_, i) => now.subarray(i * 4096, (i + 1) * 4096));
      expect(pages.filter((page, i) => page.equals(content.subarray(i * 4096, (i + 1) * 4096)))).toEqual([]);
      expect(new Set(pages.map((page) => page.toString('base64'))).size).toBe(pages.length);
      expect(now.includes('deploy-os')).toBe(false);
    });
  });

  it('that was stopped says what state the disk is in, and goes on where it was', async () => {
    await withDisk(async (file, content) => {
      const stop = new AbortController();
      const onProgress: WipeOptions['onProgress'] = ({ phase, bytesDone }) => {
        if (phase === 'write' && bytesDone >= 5 * mebibyte) stop.abort();
      };
      const stopped = wipe(file, { pattern: 'random', onProgress, signal: stop.signal });
      await expect(stopped).rejects.toMatchObject({
        code: 'cancelled',
        message: expect.stringContaining('its tables are gone, and some of what was on it may still be there'),
      });
      // As the mark would be after some seconds: 5 MiB are on the medium.
      const seed = 'ab'.repeat(32);
      const done = 5 * mebibyte;
      const disk = Buffer.from(content);
      disk.fill(0, 0, mebibyte);
      makePattern('random', seed).fill(disk.subarray(mebibyte, done), mebibyte);
      encodeWipeMark({ pattern: 'random', seed, sizeBytes, doneBytes: done }).copy(disk, mebibyte - 4096);
      await writeFile(file, disk);
      const result = await wipe(file, { pattern: 'random' });
      expect(result).toMatchObject({
        resumedAtBytes: done,
        bytesWritten: sizeBytes - done + mebibyte,
        bytesVerified: sizeBytes,
      });
      const expected = Buffer.alloc(sizeBytes);
      makePattern('random', seed).fill(expected, 0);
      expect((await readFile(file)).equals(expected)).toBe(true);
    });
  });

  it('begins anew where the mark is for another pattern, another size, or has been written over', async () => {
    const mark = { pattern: 'zeros', seed: null, sizeBytes, doneBytes: 8 * mebibyte } as const;
    await withDisk(async (file, content) => {
      const place = async (bytes: Buffer, headFill = 0) => {
        const disk = Buffer.from(content);
        disk.fill(headFill, 0, mebibyte);
        bytes.copy(disk, mebibyte - 4096);
        await writeFile(file, disk);
        return wipe(file);
      };
      expect((await place(encodeWipeMark({ ...mark, sizeBytes: sizeBytes + 512 }))).resumedAtBytes).toBe(0);
      expect((await place(encodeWipeMark({ ...mark, pattern: 'random', seed: 'cd'.repeat(32) }))).resumedAtBytes).toBe(
        0,
      );
      expect((await place(encodeWipeMark(mark), 1)).resumedAtBytes).toBe(0);
      expect((await readFile(file)).equals(Buffer.alloc(sizeBytes))).toBe(true);
      // A mark that lies is found out by the read-back: what it says is done holds what it held.
      await expect(place(encodeWipeMark(mark))).rejects.toMatchObject({ code: 'read-back-mismatch' });
    });
  });

  it('writes nothing where somebody refuses it last, and where the tables are not the approved ones', async () => {
    await withDisk(async (file, content) => {
      const confirmTarget = () => Promise.reject(new Error('another disk'));
      await expect(wipe(file, { confirmTarget })).rejects.toThrow('another disk. nothing was written');
      const approvedTables = 'ab'.repeat(32);
      await expect(wipe(file, { approvedTables })).rejects.toMatchObject({ code: 'target-changed' });
      await expect(wipe(`${file}.none`)).rejects.toMatchObject({ code: 'device-not-found' });
      expect((await readFile(file)).equals(content)).toBe(true);
    });
  });
});

describe('a discard', () => {
  it('gives the room back, and all of it is read as zeros', async () => {
    await withDisk(async (file) => {
      const result = await wipe(file, { method: 'discard' });
      expect(result).toMatchObject({ done: 'discarded', bytesVerified: sizeBytes });
      expect(result.verified).toContain('as zeros');
      expect((await readFile(file)).equals(Buffer.alloc(sizeBytes))).toBe(true);
      expect((await stat(file)).blocks * 512).toBeLessThan(4 * mebibyte);
    });
  });

  it('is not believed: what is still there is found, and other bytes are no zeros', async () => {
    await withDisk(async (file, content) => {
      const target = await openTarget(
        { path: file, label: file, kind: 'file', sizeBytes, sectorSizeBytes: 512, exists: true },
        0,
      );
      try {
        const before = await takeSamples(target, true);
        const look = () => verifyWiped({ target, direct: true, onDone: () => {} }, before);
        await expect(look()).rejects.toMatchObject({ code: 'read-back-mismatch' });
        // All but one page of it is gone.
        const disk = Buffer.alloc(sizeBytes, 0xff);
        content.copy(disk, 0, 0, 65_536);
        await writeFile(file, disk);
        await expect(look()).rejects.toThrow(/1 of \d+ places .* at byte 0/);
        await writeFile(file, Buffer.alloc(sizeBytes, 0xff));
        // It is smaller than all places together: no byte of it is counted twice.
        const wholePlaces = sizeBytes - (sizeBytes % 65_536);
        expect(await look()).toEqual({ zeros: false, bytesVerified: wholePlaces, samplesChanged: before.length });
      } finally {
        await target.handle.close();
      }
    });
  });
});

describe('a disk that shall erase itself', () => {
  it('and cannot is refused, with nothing written, or overwritten if that is left open', async () => {
    await withDisk(async (file, content) => {
      const refused = wipe(file, { method: 'sanitize' });
      await expect(refused).rejects.toMatchObject({
        code: 'wipe-unsupported',
        message: expect.stringContaining('nothing was written'),
      });
      expect((await readFile(file)).equals(content)).toBe(true);
      const warnings: string[] = [];
      expect(await wipe(file, { method: 'auto', onWarning: (text) => warnings.push(text) })).toMatchObject({
        done: 'overwritten with zeros',
      });
      expect(warnings.join()).toContain('it is overwritten instead');
    });
  });
});

it('a mark is read as it was written, and a damaged one is none', async () => {
  const mark = { pattern: 'random', seed: '0f'.repeat(32), sizeBytes: 2 * mebibyte, doneBytes: mebibyte } as const;
  await withTempDirectory(async (folder) => {
    const file = path.join(folder, 'disk.img');
    const read = async (change: (disk: Buffer) => void) => {
      const disk = Buffer.alloc(2 * mebibyte);
      encodeWipeMark(mark).copy(disk, mebibyte - 4096);
      change(disk);
      await writeFile(file, disk);
      const reader = await openReader(file);
      return readWipeMark(reader).finally(() => reader.close());
    };
    expect(await read(() => {})).toEqual(mark);
    for (const at of [mebibyte - 4096, mebibyte - 4050, mebibyte - 3900, 512]) {
      expect(await read((disk) => disk.writeUInt8((disk[at] as number) ^ 1, at))).toBeNull();
    }
  });
});
