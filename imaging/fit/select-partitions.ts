// Narrows a map to some partitions: what a capture of single partitions reads.
import { DeployError } from '../../protocol/errors.ts';
import { intersect } from '../chunk/ranges.ts';
import type { DiskMap } from '../disk-map.ts';
import { mergeExtents } from '../extent.ts';

/**
 * `map` with only the used bytes that lie in partitions `numbers`; its description stays whole, table and all.
 * @throws invalid-input when there is no such partition, or it is an extended one
 */
export function selectPartitions(map: DiskMap, numbers: readonly number[]): DiskMap {
  const containers = containersOf(map);
  const chosen = numbers.map((number) => {
    const found = map.partitions.find((part) => part.number === number);
    if (found !== undefined && number > 0 && !containers.has(number)) return found;
    const known = map.partitions.map((part) => part.number).filter((known) => known > 0 && !containers.has(known));
    throw new DeployError(
      'invalid-input',
      `there is no partition ${number} to capture; there is ${known.join(', ') || 'none'}`,
    );
  });
  const ranges = mergeExtents(chosen.map(({ startBytes, sizeBytes }) => ({ startBytes, lengthBytes: sizeBytes })));
  return { ...map, used: intersect(map.used, ranges) };
}

/** Extended partitions, by their MBR types. */
function containersOf({ table, partitions }: Pick<DiskMap, 'table' | 'partitions'>): ReadonlySet<number> {
  const isContainer = ({ type }: DiskMap['partitions'][0]) =>
    table === 'mbr' && ['05', '0f', '85'].includes(type ?? '');
  return new Set(partitions.filter(isContainer).map(({ number }) => number));
}
