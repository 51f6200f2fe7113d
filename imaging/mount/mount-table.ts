// What is mounted on this machine, and how it is mounted and unmounted: by mount(8) and umount(8), which know every kernel.
import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { DeployError } from '../../protocol/errors.ts';
import { runTool } from '../run-tool.ts';

export type MountEntry = {
  readonly directory: string;
  readonly type: string;
  /** `MAJ:MIN` of what is mounted. */
  readonly majorMinor: string;
};

/** The mounts that this process sees, in the order in which they were made (proc_pid_mountinfo(5)). */
export async function listMounts(): Promise<MountEntry[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).trimEnd().split('\n');
  return lines.map((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const fields = before.split(' ');
    return {
      majorMinor: fields[2] ?? '',
      directory: unescapeOctal(fields[4] ?? ''),
      type: after.split(' ')[0] ?? '',
    };
  });
}

/** Only white space and the backslash are escaped there. */
function unescapeOctal(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

export type MountRequest = {
  readonly type: string;
  /** A device, a file (with `loop` among the options), or a name. */
  readonly source: string;
  readonly directory: string;
  readonly options: readonly string[];
  /** Handed to mount(8) as descriptor 3. */
  readonly inherit?: number;
};

/** @throws mount-failed with mount(8)'s own words, tool-missing */
export async function mount(request: MountRequest): Promise<void> {
  const { type, source, directory, options, inherit } = request;
  // A helper (mount.fuse) would not hand our descriptor on.
  const flags = inherit === undefined ? [] : ['-i'];
  const args = [...flags, '-t', type, '-o', options.join(','), source, directory];
  const { status, said } = await runTool('mount', args, inherit === undefined ? {} : { inherit });
  if (status === 0) return;
  throw new DeployError('mount-failed', `mounting ${source} on ${directory} as ${type}: ${firstLines(said)}`);
}

function firstLines(said: string): string {
  return said
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.includes('dmesg(1)'))
    .slice(0, 2)
    .join('; ')
    .trim();
}

export type UnmountOptions = {
  /** How long to wait for programs that still use it. */
  readonly patienceMs: number;
  /** After that: take it out of the tree and leave the rest to the kernel, when its last user goes. */
  readonly thenDetach: boolean;
};

const retryMs = 100;

/** Unmounts what is mounted on `directory`. Answers whether it had to be detached from its users. @throws mount-point-used */
export async function unmount(directory: string, { patienceMs, thenDetach }: UnmountOptions): Promise<boolean> {
  const deadlineMs = performance.now() + patienceMs;
  for (;;) {
    // -c: a dead file server would not answer the questions that make a path canonical.
    const { status, said } = await runTool('umount', ['-c', directory]);
    if (status === 0 || !(await isMounted(directory))) return false;
    if (performance.now() < deadlineMs) {
      await setTimeout(retryMs);
      continue;
    }
    if (thenDetach && (await runTool('umount', ['-c', '-l', directory])).status === 0) return true;
    throw new DeployError('mount-point-used', `unmounting ${directory}: ${firstLines(said)}`, {
      hint: `Close what uses it (fuser -vm ${directory} names it) and run: umount -R ${directory}`,
    });
  }
}

async function isMounted(directory: string): Promise<boolean> {
  return (await listMounts()).some((entry) => entry.directory === directory);
}
