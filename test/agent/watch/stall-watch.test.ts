// A job that does not move is reported as such, with what its threads wait for.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test, vi } from 'vitest';
import { describeWaiting, StallWatch } from '../../../agent/watch/stall-watch.ts';
import { withTempDirectory } from '../../fixtures/temp-directory.ts';

const at = (bytesDone: number) => ({ step: 0, phase: 'write', bytesDone, bytesTransferred: 0 });

test('after two minutes, then after four; and that it goes on is said, too', async () => {
  const log = vi.fn();
  const watch = new StallWatch(log, async () => ['node (7) D: folio_wait_bit']);
  await watch.look(at(100), 1000);
  await watch.look(at(100), 120_000);
  expect(log).not.toHaveBeenCalled();
  await watch.look(at(100), 121_000);
  expect(log).toHaveBeenLastCalledWith(
    'warning',
    'the job has not moved for 120 s (phase write, 100 bytes done)\nnode (7) D: folio_wait_bit',
  );
  await watch.look(at(100), 240_000);
  expect(log).toHaveBeenCalledTimes(1);
  await watch.look(at(100), 241_000);
  expect(log).toHaveBeenCalledTimes(2);
  await watch.look(at(101), 250_000);
  expect(log).toHaveBeenLastCalledWith('info', 'the job goes on after 249 s');
  await watch.look(at(101), 260_000);
  expect(log).toHaveBeenCalledTimes(3);
});

test('one that moves is left alone, however long it takes', async () => {
  const log = vi.fn();
  const watch = new StallWatch(log);
  for (let i = 0; i < 100; i++) await watch.look(at(i), i * 100_000);
  expect(log).not.toHaveBeenCalled();
});

test('told are the threads of the agent, and whatever else waits for a device', async () => {
  await withTempDirectory(async (proc) => {
    const put = async (pid: string, task: string, files: Record<string, string>) => {
      const directory = path.join(proc, pid, 'task', task);
      await mkdir(directory, { recursive: true });
      for (const [name, text] of Object.entries(files)) await writeFile(path.join(directory, name), text);
    };
    const stack = '[<0>] folio_wait_bit_common+0x133/0x2e0\n[<0>] __filemap_fdatawait_range+0x7e/0xe0\n';
    await put('7', '7', { stat: '7 (node) S 1 7', stack: '[<0>] do_epoll_wait+0x60/0x70\n' });
    await put('7', '9', { stat: '9 (a ) D (name) D 1 7', stack });
    await put('8', '8', { stat: '8 (busybox) S 1 8', stack: '' });
    await put('30', '30', { stat: '30 (kworker/0:1) D 2 0', stack });
    expect(await describeWaiting(proc, '7')).toEqual([
      'node (7) S: do_epoll_wait',
      'a ) D (name (9) D: folio_wait_bit_common < __filemap_fdatawait_range',
      'kworker/0:1 (30) D: folio_wait_bit_common < __filemap_fdatawait_range',
    ]);
  });
});
