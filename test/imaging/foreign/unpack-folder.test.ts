// The folders of Clonezilla and FOG with their text and tables changed: they become a disk, or are refused by name.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openScratchDisk } from '../../../imaging/foreign/scratch-disk.ts';
import { unpackFolder } from '../../../imaging/foreign/unpack-folder.ts';
import { DeployError } from '../../../protocol/errors.ts';
import { changedFrom } from '../../fixtures/changed-from.ts';
import { makeRawDisk } from '../../fixtures/disks.ts';
import { withTempDirectory } from '../../fixtures/temp-directory.ts';

const mib = 2 ** 20;
const swapUuid = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';

type Files = { readonly [name: string]: Buffer };

/** What the two keep of an MBR disk of 8 MiB: partition 1 is empty, partition 2 a swap area. */
async function describeDisk(directory: string): Promise<Files[]> {
  const disk = await makeRawDisk(path.join(directory, 'disk'), 8 * mib);
  const input = 'label: dos\nstart=2048, size=4096, type=83\nstart=8192, type=82\n';
  execFileSync('sfdisk', ['-q', disk], { input });
  const dump = execFileSync('sfdisk', ['--dump', disk]);
  const firstSectors = (await fs.readFile(disk)).subarray(0, 2048);
  const clonezilla = {
    parts: Buffer.from('sda1 sda2\n'),
    'sda-pt.parted': Buffer.from('Disk /dev/sda: 16384s\nSector size (logical/physical): 512B/512B\n'),
    'sda-pt.sf': dump,
    'sda-mbr': firstSectors.subarray(0, 512),
    'sda-hidden-data-after-mbr': firstSectors.subarray(512),
    'swappt-sda2.info': Buffer.from(`UUID="${swapUuid}"\nLABEL="swap"\n`),
  };
  const fog = {
    'd1.partitions': dump,
    'd1.mbr': firstSectors,
    'd1.original.swapuuids': Buffer.from(`2 ${swapUuid}\n`),
  };
  // Short, because what breaks a promise is printed.
  return [clonezilla, fog];
}

async function unpack(directory: string, files: Files): Promise<Awaited<ReturnType<typeof unpackFolder>>> {
  const folder = await fs.mkdtemp(path.join(directory, 'folder-'));
  for (const [name, bytes] of Object.entries(files)) await fs.writeFile(path.join(folder, name), bytes);
  const scratch = await openScratchDisk(directory);
  try {
    return await unpackFolder(folder, scratch, {});
  } finally {
    await scratch.close();
  }
}

test('whatever is changed in one of its files, a folder becomes a disk or is refused by name', async () => {
  await withTempDirectory(async (directory) => {
    const folders = await describeDisk(directory);
    for (const files of folders) {
      const { map } = await unpack(directory, files);
      expect(map.partitions).toMatchObject([
        { number: 1 },
        { number: 2, fileSystem: 'swap', fileSystemUuid: swapUuid },
      ]);
    }
    const changed = fc
      .constantFrom(...folders)
      .chain((files) => fc.tuple(fc.constant(files), fc.constantFrom(...Object.keys(files))))
      .chain(([files, name]) => changedFrom(files[name] as Buffer).map((bytes) => ({ ...files, [name]: bytes })));
    await fc.assert(
      fc.asyncProperty(changed, async (files) => {
        const thrown = await unpack(directory, files).then(
          () => null,
          (error: unknown) => error,
        );
        if (thrown !== null) expect(thrown).toBeInstanceOf(DeployError);
      }),
      { numRuns: 25 },
    );
  });
});

test('a swap area with no room for one, and one that the table does not have, are refused', async () => {
  await withTempDirectory(async (directory) => {
    const [clonezilla = {}] = await describeDisk(directory);
    const table = (line: string) => ({ ...clonezilla, 'sda-pt.sf': Buffer.from(`label: dos\n${line}\n`) });
    await expect(unpack(directory, table('start=2048, size=1\nstart=4096, size=1'))).rejects.toMatchObject({
      code: 'import-corrupt',
    });
    await expect(unpack(directory, table(''))).rejects.toMatchObject({ code: 'import-corrupt' });
  });
});
