// The last step behind a restore that was read back: each Linux on the disk gets what no two machines may share. The image stays as it was captured.
import { lstat } from 'node:fs/promises';
import path from 'node:path';
import { DeployError } from '../../protocol/errors.ts';
import { type ChangeTarget, changePartition } from '../fit/change-partition.ts';
import type { LinuxRoot } from '../fit/linux-roots.ts';
import { withMounted } from '../fit/mounted.ts';
import { readGroupOn } from '../fit/renew-volume-group.ts';
import { withVolumeWindow } from '../fit/volume-window.ts';
import { findWritableLeg } from '../fit/writable-leg.ts';
import { usualRoots } from '../preflight/btrfs-files.ts';
import { releases } from '../preflight/linux.ts';
import { setLinux } from './linux-settings.ts';
import { RootFiles } from './root-files.ts';
import type { MachineSettings, SettingsResult } from './settings.ts';

/**
 * Makes the changes on `target`, whose bytes are as restored but for what grew and got new ids. Nothing is put back when something fails: what was
 * changed are whole files, and the answer says which.
 * @throws what writing the first sector throws
 */
export async function applySettings(
  target: ChangeTarget,
  roots: readonly (LinuxRoot & { readonly sizeBytes: number })[],
  wanted: MachineSettings & { readonly newIds?: boolean },
): Promise<SettingsResult> {
  const results: SettingsResult[] = [];
  for (const root of roots) {
    const { system, partition, content, sizeBytes } = root;
    const place = { partition: partition.number, volume: system.volume ?? null };
    const { fileSystem, reader } = content;
    const uuid = wanted.newIds === true ? null : content.fileSystemUuid;
    const nothingToPutBack = async () => {};
    const set = (devicePath: string) => {
      if (fileSystem === null || reader === 'raw')
        throw new Error(`its ${fileSystem} was not sound when it was captured`);
      return withMounted('settings-incomplete', { devicePath, fileSystem, uuid }, async (folder) =>
        setLinux(await findRoot(folder, fileSystem), wanted, system),
      );
    };
    const outcome = await changePartition(
      target,
      { startBytes: partition.startBytes, sizeBytes },
      nothingToPutBack,
      (devicePath) =>
        system.volume === undefined ? set(devicePath) : inVolume(devicePath, system.volume, target, set),
    );
    const { changed, kept } =
      'result' in outcome ? outcome.result : { changed: [], kept: [{ file: null, why: outcome.why, failed: true }] };
    results.push({
      changed: changed.map((one) => ({ ...place, ...one })),
      kept: kept.map((one) => ({ ...place, ...one })),
    });
  }
  return { changed: results.flatMap(({ changed }) => changed), kept: results.flatMap(({ kept }) => kept) };
}

async function inVolume<Result>(
  pvPath: string,
  name: string,
  { sectorSizeBytes }: ChangeTarget,
  work: (devicePath: string) => Promise<Result>,
): Promise<Result> {
  const group = await readGroupOn(pvPath);
  const volume = group.volumes.find((one) => `${group.name}/${one.name}` === name);
  const leg = volume === undefined ? 'it is not in its group any more' : findWritableLeg(group, volume);
  if (typeof leg === 'string') throw new DeployError('settings-incomplete', leg);
  return await withVolumeWindow({ pvPath, leg, sectorSizeBytes }, work);
}

/** The root of every subvolume has this inode (BTRFS_FIRST_FREE_OBJECTID). */
const subvolumeInode = 256;

/** On a Btrfs the root may be a subvolume that is not the default: as `openBtrfsFiles` finds it. @throws settings-incomplete */
async function findRoot(folder: string, fileSystem: string): Promise<RootFiles> {
  const roots = [folder];
  for (const name of fileSystem === 'btrfs' ? usualRoots : []) {
    // A link of that name could lead anywhere.
    const found = await lstat(path.join(folder, name)).catch(() => null);
    if (found?.isDirectory() && found.ino === subvolumeInode) roots.push(path.join(folder, name));
  }
  for (const root of roots) {
    const files = new RootFiles(root);
    for (const file of releases) if ((await files.kindOf(file)) !== null) return files;
  }
  throw new DeployError('settings-incomplete', 'no Linux was found where one was when it was captured');
}
