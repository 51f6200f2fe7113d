// New ids for a table that is written anew: what tells two disks of one image apart.
import { randomBytes, randomUUID } from 'node:crypto';
import type { PartitionTable } from '../partition/partition.ts';
import type { NewTableIds } from '../partition/table-change.ts';

/** Random GUIDs for a GPT; for an MBR a random signature, out of which the kernel makes the ids of the partitions. */
export function makeTableIds({ type, partitions }: PartitionTable): NewTableIds {
  const diskId = type === 'gpt' ? randomUUID() : randomSignature();
  const idOf = (number: number) =>
    type === 'gpt' ? randomUUID() : `${diskId}-${number.toString(16).padStart(2, '0')}`;
  return { diskId, partitionIds: new Map(partitions.map(({ number }) => [number, idOf(number)])) };
}

/** Eight hexadecimal digits, never all zero: to Windows that is a disk without a signature. */
export function randomSignature(): string {
  const bytes = randomBytes(4);
  bytes[0] = (bytes[0] ?? 0) | 1;
  return bytes.toString('hex');
}
