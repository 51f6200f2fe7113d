import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { noise } from '../fixtures/disks.ts';
import { run } from '../fixtures/run.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const MiB = 2 ** 20;

/** A GPT disk with one partition at each of the places (in MiB), all holding the same 8 MiB. */
async function makeDisk(file: string, sizeMib: number, startsMib: readonly number[]): Promise<void> {
  await run('truncate', '-s', `${sizeMib}M`, file);
  const partitions = startsMib.map((start, i) => `--new=${i + 1}:${start * 2048}:+8M`);
  await run('sgdisk', ...partitions, file);
  await using handle = await open(file, 'r+');
  for (const start of startsMib) await handle.write(noise(8 * MiB, 'the same'), 0, 8 * MiB, start * MiB);
}

test('what two partitions hold, or two machines, is stored once, wherever on the disk it lies', async () => {
  await withTempDirectory(async (folder) => {
    const [one, other] = [join(folder, 'one.img'), join(folder, 'other.img')];
    await makeDisk(one, 32, [1, 12]);
    await makeDisk(other, 64, [20, 31, 42]);
    const store = openMemoryStore();
    const first = await captureImage({ sourcePath: one, imageName: 'one', store });
    // The first and last MiB hold the tables; between them is what the partitions share, and what they leave free.
    expect(first.bytesNew).toBe((8 + 2) * MiB);
    const second = await captureImage({ sourcePath: other, imageName: 'other', store });
    expect(second.bytesNew).toBe(2 * MiB);
    expect(second.slotsSent).toBe(2);
  });
});
