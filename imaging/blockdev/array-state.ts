// What the kernel says of a running md array. Linux Documentation/admin-guide/md.rst, "MD devices in sysfs".
import { join } from 'node:path';
import { readAttribute } from './sysfs.ts';

export type ArrayState = {
  /** `raid1`; `container` for the metadata of a firmware RAID. */
  readonly level: string;
  /** `1.2`, `imsm`, `ddf` */
  readonly metadata: string | null;
  /** `failed`: fewer members than it can live with. `rebuilding`: a member is being filled, or all are compared. */
  readonly health: 'whole' | 'degraded' | 'rebuilding' | 'failed';
  /** True until something is written: nothing has changed on the members either. */
  readonly readOnly: boolean;
  readonly members: number;
  readonly missing: number;
  /** Of a rebuild: how much is done, 0 to 1. */
  readonly done: number | null;
};

/** Null for what is no md array, or not a running one. */
export async function readArrayState(root: string, directory: string): Promise<ArrayState | null> {
  const read = (name: string) => readAttribute(directory, 'md', name);
  const [metadata, level, arrayState] = await Promise.all([
    readMetadata(root, directory),
    read('level'),
    read('array_state'),
  ]);
  if (arrayState === null || arrayState === 'clear') return null;
  const missing = Number((await read('degraded')) ?? 0);
  const action = (await read('sync_action')) ?? 'idle';
  return {
    level: level ?? 'container',
    metadata,
    health: judge({ level, arrayState, missing, action }),
    readOnly: arrayState === 'readonly' || arrayState === 'read-auto',
    members: Number((await read('raid_disks')) ?? 0),
    missing,
    done: action === 'idle' ? null : parseDone(await read('sync_completed')),
  };
}

type Signs = { level: string | null; arrayState: string; missing: number; action: string };

function judge({ level, arrayState, missing, action }: Signs): ArrayState['health'] {
  if (arrayState === 'broken' || (level !== null && arrayState === 'inactive')) return 'failed';
  if (['resync', 'recover', 'reshape'].includes(action)) return 'rebuilding';
  return missing > 0 ? 'degraded' : 'whole';
}

/** A volume says `external:/md127/0`, or `external:-md127/0` while it may not be written: its container has the name of the format. */
async function readMetadata(root: string, directory: string): Promise<string | null> {
  const text = await readAttribute(directory, 'md/metadata_version');
  if (text === null || text === 'none') return null;
  const container = /^external:[/-](md[^/]+)\//.exec(text)?.[1];
  if (container === undefined) return text.replace('external:', '');
  const format = await readAttribute(join(root, 'sys/class/block', container), 'md/metadata_version');
  return format?.replace('external:', '') ?? null;
}

/** `12345 / 67890` sectors, or `none`. */
function parseDone(text: string | null): number | null {
  const [, done, all] = /^(\d+) \/ (\d+)$/.exec(text ?? '') ?? [];
  return all === undefined || Number(all) === 0 ? null : Number(done) / Number(all);
}
