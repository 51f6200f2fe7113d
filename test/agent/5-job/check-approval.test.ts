// R11, and a neighbour of the same size: what was approved is a set of disks, and any other set refuses the job.
import { expect, test } from 'vitest';
import { approvedTables, checkApproval } from '../../../agent/5-job/check-approval.ts';
import type { Disk } from '../../../imaging/blockdev/disk.ts';
import type { Approval } from '../../../protocol/approval.ts';
import { makeDisk } from '../../fixtures/make-disk.ts';

const two = [makeDisk(1), makeDisk(2)];

function approve(disks: readonly Disk[], again = false): Approval {
  const approved = disks.map(({ id, number, sizeBytes, sectorSizeBytes }) => ({
    ...{ id, label: `disk ${number}`, sizeBytes, sectorSizeBytes, tablesDigest: String(number).repeat(64) },
  }));
  return { disks: approved, again };
}

const [one, other] = two as [Disk, Disk];

test.each([
  ['a disk has gone', [one], /disk 2 is gone/],
  ['one was plugged in', [...two, makeDisk(3)], /disk 3 .* is new/],
  ['one was swapped for another of the same size', [one, makeDisk(2, { id: 'serial-OTHER' })], /gone.*OTHER.* is new/],
  ['one has another size', [one, { ...other, sizeBytes: 2 ** 30 }], /disk 2 has 1.0 GiB now/],
  ['one has other sectors', [one, { ...other, sectorSizeBytes: 4096 }], /disk 2 has sectors of 4096 bytes/],
  ['one is there twice', [...two, { ...other, number: 3 }], /disk 2 is there twice/],
] as const)('refuses when %s', (_, now, why) => {
  expect(() => checkApproval(now, approve(two))).toThrow(why);
});

test('passes the same disks, in whatever order and under whatever names', () => {
  const renamed = [
    { ...other, number: 1, kernelName: 'sda', devicePath: '/dev/sda' },
    { ...one, number: 2 },
  ];
  expect(() => checkApproval(renamed, approve(two))).not.toThrow();
});

test('what was on the disk counts until the job has been handed out a first time', () => {
  expect(approvedTables(other, approve(two))).toBe('2'.repeat(64));
  expect(approvedTables(other, approve(two, true))).toBe(undefined);
  expect(approvedTables(other, undefined)).toBe(undefined);
});
