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
  /**
   * The machine lost power, or crashed, while it was being written: mirrors and parity may not agree. The kernel makes them agree from
   * the first write on, and not before.
   */
  readonly dirty: boolean;
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
  // Only levels that can be compared have it.
  const syncAction = await read('sync_action');
  const action = syncAction ?? 'idle';
  return {
    level: level ?? 'container',
    metadata,
    health: judge({ level, arrayState, missing, action }),
    readOnly: arrayState === 'readonly' || arrayState === 'read-auto',
    members: Number((await read('raid_disks')) ?? 0),
    missing,
    dirty: syncAction !== null && ((await read('resync_start')) ?? 'none') !== 'none',
    done: action === 'idle' ? null : parseDone(await read('sync_completed')),
  };
}

export type MemberRole = 'active' | 'spare' | 'faulty' | 'journal';

/** What the array at `directory` uses one of its members for; a spare is also one that is being filled. Null for what is no md array. */
export async function readMemberRole(directory: string, memberName: string): Promise<MemberRole | null> {
  const flags = (await readAttribute(directory, 'md', `dev-${memberName}`, 'state'))?.split(',');
  if (flags === undefined) return null;
  const roles = ['faulty', 'journal', 'spare'] as const;
  return roles.find((role) => flags.includes(role)) ?? 'active';
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
