import { expect, test } from 'vitest';
import { askDisk } from '../../../imaging/blockdev/ask-disk.ts';

const limits = { timeoutMs: 5000, maxBytes: 4096 };

test('what a tool says counts whatever its exit status is', async () => {
  const answer = await askDisk('sh', ['-c', 'echo said; echo why >&2; exit 9'], limits);
  expect({ ...answer, stdout: `${answer?.stdout}` }).toEqual({ status: 9, stdout: 'said\n', stderr: 'why\n' });
});

test.each([
  ['is not there', 'no-such-tool', [], limits],
  ['does not end', 'sleep', ['60'], { ...limits, timeoutMs: 100 }],
  ['is ended by a signal', 'sh', ['-c', 'kill -9 $$'], limits],
  ['says too much', 'yes', [], limits],
] as const)('one that %s gives no answer', async (_, program, args, bounds) => {
  expect(await askDisk(program, args, bounds)).toBeNull();
});
