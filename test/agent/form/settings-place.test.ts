import { mkdtemp, open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findSettingsPlace, type SettingsPlace } from '../../../agent/form/settings-place.ts';
import { openReader } from '../../../imaging/blockdev/open-reader.ts';
import { writeSettingsImage } from '../../../initramfs/stages/settings-image.ts';
import { run } from '../../fixtures/run.ts';

const id = '2026-11-14-12-56-01-00';
const basicData = 'EBD0A0A2-B9E5-4433-87C0-68B6B72699C7';
const startSectors = 6144;

let folder: string;
let settings: Buffer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'deploy-os-place-'));
  const image = join(folder, 'settings.img');
  await writeSettingsImage(image, 1_795_000_000);
  settings = await readFile(image);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

type Medium = { readonly type?: string; readonly sectors?: number; readonly change?: (bytes: Buffer) => void };

/** A stick as the ISO makes one, with what is not as it should be; `change` gets all its bytes. */
async function findOn({ type = basicData, sectors = 2880, change = () => {} }: Medium): Promise<SettingsPlace | null> {
  const file = join(folder, 'stick.raw');
  await rm(file, { force: true });
  await (await open(file, 'w')).close();
  await truncate(file, 8 * 1024 * 1024);
  const partitions = [
    `start=2048,size=2048`,
    `start=4096,size=2048`,
    `start=${startSectors},size=${sectors},type=${type}`,
  ];
  await run(
    'sh',
    '-c',
    `printf '%s\\n' 'label: gpt' ${partitions.map((line) => `'${line}'`).join(' ')} | sfdisk -q ${file}`,
  );
  const bytes = await readFile(file);
  bytes.write('\x01CD001', 32768, 'latin1');
  bytes.write('2026111412560100', 32768 + 830, 'latin1');
  settings.copy(bytes, startSectors * 512);
  change(bytes);
  await writeFile(file, bytes);
  const reader = await openReader(file);
  return await findSettingsPlace(reader, id).finally(() => reader.close());
}

it('finds the partition that the build has made', async () => {
  expect(await findOn({})).toEqual({ startBytes: startSectors * 512, sizeBytes: 2880 * 512 });
});

const volume = startSectors * 512;
const others: Record<string, Medium> = {
  'another medium than it was booted from': { change: (bytes) => bytes.write('7', 32768 + 830, 'latin1') },
  'no ISO': { change: (bytes) => bytes.write('CD002', 32769, 'latin1') },
  'a partition of another type': { type: '0FC63DAF-8483-4772-8E79-3D69D8477DE4' },
  'a partition of another size': { sectors: 2944 },
  'a damaged table': { change: (bytes) => bytes.fill(0, 0, 512) },
  'a volume of another name': { change: (bytes) => bytes.write('PHOTOS', volume + 43, 'latin1') },
  'a volume that was formatted anew': { change: (bytes) => bytes.writeUInt32LE(1, volume + 39) },
  'no FAT12': { change: (bytes) => bytes.write('FAT16', volume + 54, 'latin1') },
  'no volume': { change: (bytes) => bytes.fill(0, volume, volume + 512) },
};
for (const [what, medium] of Object.entries(others)) {
  it(`finds none: ${what}`, async () => expect(await findOn(medium)).toBeNull());
}
