// What a person is told of an array that is not as it should be, by what the kernel says of it (Linux admin-guide/md.rst). R2.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { readArrayState } from '../../../imaging/blockdev/array-state.ts';
import { withTempDirectory } from '../../fixtures/temp-directory.ts';

const mirror = { level: 'raid1', metadata_version: '1.2', raid_disks: '2', degraded: '0', array_state: 'clean' };
const filling = { ...mirror, degraded: '1', array_state: 'active' };

test.each([
  ['whole', { ...mirror, sync_action: 'idle', sync_completed: 'none' }, { health: 'whole', missing: 0, done: null }],
  ['without a member', { ...filling, sync_action: 'idle' }, { health: 'degraded', missing: 1, done: null }],
  [
    'whose new member is being filled',
    { ...filling, sync_action: 'recover', sync_completed: '25000 / 100000' },
    { health: 'rebuilding', missing: 1, done: 0.25 },
  ],
  [
    'whose members are compared after a crash',
    { ...mirror, array_state: 'active', sync_action: 'resync', sync_completed: '0 / 100000', resync_start: '0' },
    { health: 'rebuilding', missing: 0, done: 0, dirty: true },
  ],
  [
    'that is being given another shape',
    { ...mirror, level: 'raid5', sync_action: 'reshape', sync_completed: 'none' },
    { health: 'rebuilding', done: null },
  ],
  ['that cannot be started', { ...mirror, array_state: 'inactive' }, { health: 'failed' }],
  ['that has lost what it cannot do without', { level: 'raid0', array_state: 'broken' }, { health: 'failed' }],
])('an array %s', async (_, attributes, wanted) => {
  await withTempDirectory(async (root) => {
    const directory = path.join(root, 'sys/class/block/md0');
    await mkdir(path.join(directory, 'md'), { recursive: true });
    for (const [name, value] of Object.entries(attributes))
      await writeFile(path.join(directory, 'md', name), `${value}\n`);
    expect(await readArrayState(root, directory)).toMatchObject(wanted);
  });
});
