import { describe, expect, test } from 'vitest';
import { chooseVolume, type VolumeChoice } from '../../../imaging/fit/choose-volume.ts';
import { readerOf } from '../../fixtures/buffer-reader.ts';
import { describeTestGroup, describeTestVolume, linearAt, makePv } from '../../fixtures/lvm-pv.ts';

const dataAtBytes = 2 ** 20;

type Volume = {
  readonly name: string;
  /** What the group's metadata say of it, hidden volumes and all. */
  readonly text: string;
  /** What the manifest says of it. */
  readonly fileSystem?: string | null;
  readonly reader?: string;
};

let nextExtent = 0;
/** Plain, of two extents, with the file system. */
function linear(name: string, fileSystem: string | null = 'ext4', reader = 'sound'): Volume {
  nextExtent = (nextExtent + 2) % 60;
  return { name, text: describeTestVolume(name, 2, linearAt(nextExtent)), fileSystem, reader };
}

const hidden = '"HIDDEN"';
const pool = {
  name: 'pool',
  text: `${describeTestVolume('pool', 2, 'type = "thin-pool"\nmetadata = "pool_tmeta"\npool = "pool_tdata"\nchunk_size = 128')}${describeTestVolume('pool_tmeta', 1, linearAt(3), hidden)}${describeTestVolume('pool_tdata', 2, linearAt(7), hidden)}`,
};
const thin = { name: 'thin', text: describeTestVolume('thin', 50, 'type = "thin"\nthin_pool = "pool"\ndevice_id = 1') };

async function choose(volumes: readonly Volume[], wanted?: string, devices = ''): Promise<VolumeChoice> {
  const text = describeTestGroup({ volumes: volumes.map((volume) => volume.text).join(''), devices });
  const bytes = readerOf(makePv({ text, sizeBytes: 6 * 2 ** 20, dataAtBytes }));
  const maps = volumes.map(({ name, fileSystem = null, reader = 'raw' }) => ({
    ...{ name: `vg0/${name}`, sizeBytes: 131_072, fileSystem, reader, usedBytes: 0, notes: [] },
    ...{ fileSystemUuid: 'uuid', fileSystemLabel: 'label' },
  }));
  const partition = { number: 3, fileSystem: 'LVM2_member', reader: 'lvm2', volumes: maps };
  return await chooseVolume(bytes, partition, wanted);
}

const root = {
  ...{ groupName: 'vg0', volumeName: 'root', fileSystem: 'ext4' },
  ...{ uuid: 'uuid', label: 'label', sizeBytes: 131_072 },
};

describe('without a name', () => {
  test('the only volume is taken, swap areas beside it or not', async () => {
    expect(await choose([linear('root')])).toEqual(root);
    expect(await choose([linear('s1', 'swap'), linear('root'), linear('s2', 'swap')])).toEqual(root);
  });

  test('an only swap area is taken, and nothing where there is nothing', async () => {
    expect(await choose([linear('swap', 'swap')])).toMatchObject({ volumeName: 'swap' });
    expect(await choose([])).toBeNull();
  });

  test('several volumes are an error that lists them and says what to write', async () => {
    const several = choose([
      linear('root'),
      linear('home', 'xfs'),
      linear('mail', 'zfs_member'),
      linear('swap', 'swap'),
    ]);
    const listed =
      /vg0\/root \(ext4, 131072 bytes\); vg0\/home \(xfs, 131072 bytes\); vg0\/mail: there is no tool that grows zfs_member$/;
    const hint = expect.stringMatching(/--grow 3:root.*--grow 3:none/);
    await expect(several).rejects.toMatchObject({
      code: 'invalid-input',
      message: expect.stringMatching(listed),
      hint,
    });
    await expect(choose([linear('s1', 'swap'), linear('s2', 'swap')])).rejects.toMatchObject({ code: 'invalid-input' });
  });

  test('a volume that cannot be grown is an answer', async () => {
    const answer = await choose([pool, thin]);
    expect(answer).toEqual({
      why: 'none of its volumes can be grown here: vg0/pool: thin rests on it; vg0/thin: it is thin',
    });
    expect(await choose([linear('root', 'xfs', 'raw')])).toEqual({
      why: 'vg0/root: its xfs was not sound when it was captured',
    });
  });
});

describe('by name', () => {
  test.for(['home', 'vg0/home'])('%s is found', async (wanted) => {
    expect(await choose([linear('root'), linear('home', 'swap')], wanted)).toMatchObject({ volumeName: 'home' });
  });

  test('none leaves the room to the group, whatever is in it', async () => {
    expect(await choose([linear('root'), linear('home')], 'none')).toBeNull();
  });

  test('a volume that is not there is an error that says what is', async () => {
    const message = expect.stringMatching(/no volume 'var'; it holds vg0\/root \(ext4/);
    await expect(choose([linear('root')], 'var')).rejects.toMatchObject({ code: 'invalid-input', message });
    await expect(choose([linear('root')], 'vg1/root')).rejects.toMatchObject({ code: 'invalid-input' });
  });

  const raid =
    'type = "raid1"\ndevice_count = 2\nregion_size = 1024\nraids = ["a_rmeta_0", "a_rimage_0", "a_rmeta_1", "a_rimage_1"]';
  const legs = [0, 1].map(
    (i) =>
      describeTestVolume(`a_rmeta_${i}`, 1, linearAt(10 + i), hidden) +
      describeTestVolume(`a_rimage_${i}`, 2, linearAt(20 + i * 4), '"READ"'),
  );
  const stripes = 'type = "striped"\nstripe_size = 128\nstripes = ["pv0", 4, "pv0", 9]';
  const snapshot = 'type = "snapshot"\nchunk_size = 8\norigin = "a"\ncow_store = "cow"';
  const known = { name: 'a', fileSystem: 'ext4', reader: 'ext' };
  test.for<[string, Volume, RegExp]>([
    ['mirrored', { ...known, text: describeTestVolume('a', 2, raid) + legs.join('') }, /it is mirrored/],
    ['striped', { ...known, text: describeTestVolume('a', 2, stripes) }, /it is striped/],
    [
      'the origin of a snapshot',
      {
        ...known,
        text: `${describeTestVolume('a', 2, linearAt(0))}${describeTestVolume('cow', 2, linearAt(4), hidden)}${describeTestVolume('snapshot0', 2, snapshot, '"FIXED_MINOR"')}`,
      },
      /snapshot0 rests on it/,
    ],
    [
      'being moved',
      { ...known, text: describeTestVolume('a', 2, linearAt(0), '"VISIBLE", "LOCKED"') },
      /state is LOCKED/,
    ],
    [
      'read-only',
      { ...known, text: describeTestVolume('a', 2, linearAt(0)).replace('"WRITE", ', '') },
      /it is read-only/,
    ],
    ['of unknown content', linear('a', null, 'raw'), /no file system was recognised in it/],
    ['of FAT', linear('a', 'vfat'), /no tool that grows vfat/],
    ['not sound', linear('a', 'btrfs', 'raw'), /its btrfs was not sound/],
  ])('a volume that is %s is refused with the reason', async ([, volume, why]) => {
    const message = expect.stringMatching(why);
    await expect(choose([volume], 'a')).rejects.toMatchObject({ code: 'invalid-input', message });
  });

  test('a volume of a group on several physical volumes is refused', async () => {
    const other = 'pv1 { id = "AAAAAA-akW0-YKrH-b9SA-W51i-GwMf-LQwvRF"\npe_start = 2048\npe_count = 64\n}';
    const message = expect.stringMatching(/its group lies on 2 physical volumes/);
    await expect(choose([linear('a')], 'a', other)).rejects.toMatchObject({ code: 'invalid-input', message });
  });

  test('there is no volume in a partition without a volume group that was understood', async () => {
    const bytes = readerOf(Buffer.alloc(4096));
    const ext = { number: 3, fileSystem: 'ext4', reader: 'ext' };
    expect(await chooseVolume(bytes, ext, undefined)).toBeNull();
    await expect(chooseVolume(bytes, ext, 'root')).rejects.toMatchObject({ code: 'invalid-input' });
    const raw = { number: 3, fileSystem: 'LVM2_member', reader: 'raw' };
    expect(await chooseVolume(bytes, raw, undefined)).toBeNull();
    await expect(chooseVolume(bytes, raw, 'root')).rejects.toMatchObject({ code: 'invalid-input' });
  });
});
