// A part of the target as a block device of its own, for the tools that change file systems: no partition node has to be there, and none has to be right.
import fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { DeployError } from '../../protocol/errors.ts';
import { runTool } from '../run-tool.ts';

export type Window = {
  readonly path: string;
  readonly startBytes: number;
  readonly sizeBytes: number;
  readonly sectorSizeBytes: number;
};

/** Gives `work` a loop device over the window, and takes it away afterwards. @throws grow-failed when there is none to be had */
export async function withLoopWindow<Result>(
  { path: file, startBytes, sizeBytes, sectorSizeBytes }: Window,
  work: (devicePath: string) => Promise<Result>,
): Promise<Result> {
  const range = ['--offset', String(startBytes), '--sizelimit', String(sizeBytes)];
  const sectors = ['--sector-size', String(sectorSizeBytes)];
  const { status, stdout, said } = await runTool('losetup', ['--find', '--show', ...range, ...sectors, file]);
  if (status !== 0) throw new DeployError('grow-failed', `no loop device over ${file}: ${said}`);
  const devicePath = stdout.trim();
  try {
    return await work(devicePath);
  } finally {
    await runTool('blockdev', ['--flushbufs', devicePath]);
    const backing = await backingFileOf(devicePath);
    await runTool('losetup', ['--detach', devicePath]);
    // Whoever has it open at this moment, as lists of loop devices do, puts the end off; until then nobody can mount what is below it.
    for (let waits = 0; waits < 100 && backing !== null && backing === (await backingFileOf(devicePath)); waits++) {
      await setTimeout(20);
    }
  }
}

/** Null when there is nothing behind it. */
function backingFileOf(devicePath: string): Promise<string | null> {
  return fs.readFile(`/sys/class/block/${path.basename(devicePath)}/loop/backing_file`, 'utf8').catch(() => null);
}
