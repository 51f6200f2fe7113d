import { expect, test } from 'vitest';
import { encodeMark, markPlace, type RestoreMark, readMark } from '../../../imaging/blockdev/restore-mark.ts';
import { readerOf } from '../../fixtures/buffer-reader.ts';

const mark: RestoreMark = {
  imageId: 'id',
  imageName: 'one',
  rootDigest: 'root',
  startedAt: 'now',
  tablesDigest: 'tables',
  escrow: null,
};

test('a mark is one only behind blank bytes: in the free space of what was written since, it says nothing', async () => {
  const disk = Buffer.alloc(2 ** 21);
  encodeMark(mark).copy(disk, markPlace.startBytes);
  expect(await readMark(readerOf(disk))).toEqual(mark);
  disk[1024] = 1;
  expect(await readMark(readerOf(disk))).toBeNull();
});
