// A part of the target as a block device of its own, for the tools that change file systems: no partition node has to be there, and none has to be right.
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
  { path, startBytes, sizeBytes, sectorSizeBytes }: Window,
  work: (devicePath: string) => Promise<Result>,
): Promise<Result> {
  const range = ['--offset', String(startBytes), '--sizelimit', String(sizeBytes)];
  const sectors = ['--sector-size', String(sectorSizeBytes)];
  const { status, stdout, said } = await runTool('losetup', ['--find', '--show', ...range, ...sectors, path]);
  if (status !== 0) throw new DeployError('grow-failed', `no loop device over ${path}: ${said}`);
  const devicePath = stdout.trim();
  try {
    return await work(devicePath);
  } finally {
    await runTool('blockdev', ['--flushbufs', devicePath]);
    await runTool('losetup', ['--detach', devicePath]);
  }
}
