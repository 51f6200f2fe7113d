// Which logical volume takes the room of a grown physical volume: decided out of the image, before the first write.
import { DeployError } from '../../protocol/errors.ts';
import type { ByteReader } from '../blockdev/byte-reader.ts';
import type { PartitionMap, VolumeMap } from '../disk-map.ts';
import { type LvmGroup, readGroup } from '../fs/lvm-group.ts';
import { growers } from './file-system-tools.ts';
import { findWritableLeg } from './writable-leg.ts';

/** A linear volume with a file system that a tool can grow. */
export type VolumeToGrow = {
  readonly groupName: string;
  readonly volumeName: string;
  readonly fileSystem: string;
  readonly uuid: string | null;
  readonly label: string | null;
  readonly sizeBytes: number;
};

/** The volume, or why none of those that are there can be grown, or null where none is to be grown. */
export type VolumeChoice = VolumeToGrow | { readonly why: string } | null;

type Partition = Pick<PartitionMap, 'number' | 'fileSystem' | 'reader' | 'volumes'>;
type Candidate = { readonly map: VolumeMap; readonly outcome: VolumeToGrow | { readonly why: string } };

/** What a person says who wants the group to keep its room. */
const noVolume = 'none';
const maxListed = 20;

/**
 * The volume in `partition`, whose bytes these are, that grows: the one that is `wanted` (`root`, `vg0/root`, `none`), or the only one beside swap areas.
 * @throws invalid-input when the wanted one is not there or cannot be grown, or when none was named and it might be several; store errors
 */
export async function chooseVolume(
  bytes: ByteReader,
  partition: Partition,
  wanted: string | undefined,
): Promise<VolumeChoice> {
  const { number, fileSystem, reader } = partition;
  if (fileSystem !== 'LVM2_member' || reader !== 'lvm2') {
    if (wanted === undefined) return null;
    const what = fileSystem === 'LVM2_member' ? 'a volume group that was not understood' : (fileSystem ?? 'no LVM2');
    throw new DeployError('invalid-input', `partition ${number} holds ${what}: there is no volume '${wanted}' to grow`);
  }
  if (wanted === noVolume) return null;
  const group = await readGroup(bytes);
  const candidates = (partition.volumes ?? []).map((map) => ({ map, outcome: judge(group, map) }));
  return wanted === undefined ? chooseOnly(number, candidates) : findWanted(number, candidates, wanted);
}

/** The manifest knows the file system in the volume, the group how the volume is made. */
function judge(group: LvmGroup, { name, fileSystem, reader, ...map }: VolumeMap): Candidate['outcome'] {
  const volume = group.volumes.find((one) => `${group.name}/${one.name}` === name);
  if (volume === undefined) return { why: 'it is not in its group' };
  const leg = findWritableLeg(group, volume);
  if (typeof leg === 'string') return { why: leg };
  if (volume.segments.some(({ areas }) => areas.length > 1)) return { why: 'it is striped' };
  if (fileSystem === null) return { why: 'no file system was recognised in it' };
  if (growers[fileSystem] === undefined) return { why: `there is no tool that grows ${fileSystem}` };
  if (reader === 'raw') return { why: `its ${fileSystem} was not sound when it was captured` };
  const { fileSystemUuid: uuid, fileSystemLabel: label, sizeBytes } = map;
  return { groupName: group.name, volumeName: volume.name, fileSystem, uuid, label, sizeBytes };
}

/** Swap areas are beside what a person thinks of: they are grown by name, or alone. */
function chooseOnly(number: number, all: readonly Candidate[]): VolumeChoice {
  const others = all.filter(({ map }) => map.fileSystem !== 'swap');
  const candidates = others.length === 0 ? all : others;
  const [first, ...more] = candidates;
  if (first === undefined) return null;
  if (more.length === 0) return 'why' in first.outcome ? { why: describe(first) } : first.outcome;
  const growable = candidates.flatMap(({ outcome }) => ('why' in outcome ? [] : [outcome]));
  const [example] = growable;
  const listed = list(candidates);
  if (example === undefined) return { why: `none of its volumes can be grown here: ${listed}` };
  throw new DeployError(
    'invalid-input',
    `partition ${number} holds several volumes, and which of them is to grow was not said: ${listed}`,
    {
      hint: `Name it, as in --grow ${number}:${example.volumeName}, or leave the room to the group with --grow ${number}:${noVolume}.`,
    },
  );
}

function findWanted(number: number, candidates: readonly Candidate[], wanted: string): VolumeToGrow {
  const found = candidates.find(({ map }) => map.name === wanted || map.name.split('/')[1] === wanted);
  if (found === undefined) {
    const known = list(candidates) || 'none';
    throw new DeployError('invalid-input', `partition ${number} holds no volume '${wanted}'; it holds ${known}`);
  }
  if (!('why' in found.outcome)) return found.outcome;
  throw new DeployError('invalid-input', `a volume that cannot be grown here: ${describe(found)}`, {
    hint: `--grow ${number}:${noVolume} gives the room to the group; the restored system can grow the volume.`,
  });
}

function list(candidates: readonly Candidate[]): string {
  const listed = candidates.slice(0, maxListed).map(describe);
  return [...listed, ...(candidates.length > maxListed ? ['…'] : [])].join('; ');
}

function describe({ map, outcome }: Candidate): string {
  const { name, fileSystem, sizeBytes } = map;
  return 'why' in outcome ? `${name}: ${outcome.why}` : `${name} (${fileSystem}, ${sizeBytes} bytes)`;
}
