// Before the first write of a restore: the programs that are to grow a file system or give it a new id have to be on this machine.
import { existsSync } from 'node:fs';
import { DeployError } from '../../protocol/errors.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { missingPrograms } from '../run-tool.ts';
import type { VolumeChoice } from './choose-volume.ts';
import { groupPrograms, growerPrograms, volumeWindowPrograms } from './file-system-tools.ts';
import { groupIdPrograms, idPrograms } from './id-tools.ts';
import type { LinuxRoot } from './linux-roots.ts';
import { mountPrograms } from './mounted.ts';

type Content = Pick<Manifest['partitions'][0], 'number' | 'fileSystem' | 'reader' | 'volumes'>;

/** What a restore will do besides writing: grow one file system, give new ids to some, and change files in some. */
export type FinishPlan = {
  readonly grown: GrownContent | null;
  readonly renewed: readonly Content[];
  readonly mounted?: readonly LinuxRoot[];
};

type GrownContent = Content & { readonly volume: VolumeChoice };

/** Of `change-partition.ts` and `loop-window.ts`. */
export const windowPrograms = ['losetup', 'blockdev'];

/** @throws tool-missing, naming all that are */
export async function requirePrograms({ grown, renewed, mounted = [] }: FinishPlan): Promise<void> {
  const grow =
    grown === null
      ? []
      : [{ doing: 'growing', content: grown, own: programsToGrow(grown), devices: devicesToGrow(grown) }];
  const renew = renewed.map((content) => ({ doing: 'a new id for', content, ...toRenew(content) }));
  const change = mounted.map((root) => ({ doing: 'changing files in', content: root.partition, ...toMount(root) }));
  for (const { doing, content, own, devices } of [...grow, ...renew, ...change]) {
    const { number, fileSystem, reader } = content;
    // What has no tool, or was not sound, stays as it is and is reported at the end: no program is missing.
    if (own === undefined || reader === 'raw') continue;
    const missing = [
      ...(await missingPrograms([...new Set([...own, ...windowPrograms])])),
      ...devices.filter((path) => !existsSync(path)),
    ];
    if (missing.length === 0) continue;
    const what = number === 0 ? `the ${fileSystem}` : `partition ${number} (${fileSystem})`;
    throw new DeployError(
      'tool-missing',
      `${doing} ${what} takes ${missing.join(', ')}, which this machine does not have`,
      {
        hint: 'Install what is missing, or restore without growing, new ids and settings.',
      },
    );
  }
}

function programsToGrow({ fileSystem, volume }: GrownContent): readonly string[] | undefined {
  if (fileSystem !== 'LVM2_member') return growerPrograms[fileSystem ?? ''];
  return groupPrograms(volume !== null && 'fileSystem' in volume ? volume.fileSystem : null);
}

/** The window of a logical volume is a FUSE file. */
function devicesToGrow({ volume }: GrownContent): readonly string[] {
  return volume !== null && 'fileSystem' in volume ? ['/dev/fuse'] : [];
}

function toMount({ system, content }: LinuxRoot): { own: readonly string[]; devices: string[] } {
  const own = content.fileSystem === 'btrfs' ? [...mountPrograms, 'btrfs'] : mountPrograms;
  if (system.volume === undefined) return { own, devices: [] };
  return { own: [...volumeWindowPrograms, ...own], devices: ['/dev/fuse'] };
}

/** Some of the volumes may turn out to be mirrored, or the group to lie on several disks: then a program was asked for in vain. */
function toRenew({ fileSystem, volumes = [] }: Content): { own: readonly string[] | undefined; devices: string[] } {
  if (fileSystem !== 'LVM2_member') return { own: idPrograms[fileSystem ?? ''], devices: [] };
  const sound = volumes.filter(({ reader }) => reader !== 'raw');
  const inside = sound.flatMap((volume) => idPrograms[volume.fileSystem ?? ''] ?? []);
  if (inside.length === 0) return { own: groupIdPrograms, devices: [] };
  return { own: [...groupIdPrograms, ...volumeWindowPrograms, ...inside], devices: ['/dev/fuse'] };
}
