// An installed Debian that its own systemd starts, in namespaces of this kernel instead of a virtual machine: without KVM, QEMU takes minutes for what
// apt and Node do here in seconds. It is no jail: what runs in it is ours, and root is root.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, openSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { withMount } from '../../test/fixtures/mounts.ts';
import { makeMachineDisk } from './machine-disk.ts';
import type { NetworkNamespace } from './network-namespace.ts';
import { runCommand } from './run-command.ts';

const startWithinMs = 120_000;

/** Arguments: a cgroup to join, and what to run in it. */
const join = 'echo $$ >"$1/cgroup.procs"; shift; exec "$@"';
const leave = ['--fork', '--kill-child', '--pid', '--mount', '--uts', '--ipc', '--cgroup', '--propagation', 'private'];
/** As process 1: what systemd finds at its start (systemd.io/CONTAINER_INTERFACE). The host's kernel settings and clock are not its. Argument: root. */
const enter = `
root=$1
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --bind -o ro "$root/proc/sys" "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
for folder in run tmp dev; do mount -t tmpfs -o mode=755 tmpfs "$root/$folder"; done
chmod 1777 "$root/tmp"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
for name in null zero full random urandom tty; do touch "$root/dev/$name"; mount --bind "/dev/$name" "$root/dev/$name"; done
cd "$root"
pivot_root . mnt
cd /
umount -l /mnt
hostname "$(cat /etc/hostname)"
exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin setpriv --bounding-set -sys_module,-sys_rawio,-sys_time /lib/systemd/systemd
`;

/** What `sfdisk --json` says, in sectors of 512 bytes. */
type Table = {
  readonly partitiontable: { readonly partitions: readonly { start: number; size: number; name?: string }[] };
};

/** The lab's installed Debian 12 without its kernel, in a new folder. */
export async function unpackDebian(root: string): Promise<void> {
  await mkdir(root);
  const disk = await makeMachineDisk();
  const table = JSON.parse(await runCommand('sfdisk', ['--json', disk])) as Table;
  const { start = 0, size = 0 } = table.partitiontable.partitions.find(({ name }) => name === 'root') ?? {};
  await withMount(disk, `ro,offset=${start * 512},sizelimit=${size * 512}`, async (from) => {
    const copy = 'tar -C "$1" --exclude=./boot --exclude=./usr/lib/modules -c . | tar -C "$2" -x';
    await runCommand('sh', ['-c', copy, 'sh', from, root]);
  });
  await writeFile(path.join(root, 'etc/fstab'), '');
}

export class Container implements AsyncDisposable {
  /** What is killed to end all that runs in it. */
  readonly process: ChildProcess;
  readonly #cgroup: string;
  readonly #init: string;

  private constructor(child: ChildProcess, cgroup: string, init: string) {
    this.process = child;
    this.#cgroup = cgroup;
    this.#init = init;
  }

  /** Starts the system in the folder `root`, in `network`, and waits until its services have started. */
  static async start(root: string, network: NetworkNamespace, logPath: string): Promise<Container> {
    const cgroup = path.join(findCgroups(), `${network.name}-container`);
    mkdirSync(cgroup);
    const log = openSync(logPath, 'w');
    const [command, args] = network.wrapCommand('unshare', [...leave, 'sh', '-ec', enter, 'sh', root]);
    const child = spawn('sh', ['-ec', join, 'sh', cgroup, command, ...args], { stdio: ['ignore', log, log] });
    const deadlineMs = performance.now() + startWithinMs;
    for (;;) {
      const init = spawnSync('pgrep', ['-P', String(child.pid)], { encoding: 'utf8' }).stdout.trim();
      const container = new Container(child, cgroup, init);
      if (init !== '' && /^(running|degraded)$/m.test(container.try('systemctl', 'is-system-running').output)) {
        return container;
      }
      if (child.exitCode !== null || performance.now() > deadlineMs) {
        await container[Symbol.asyncDispose]();
        throw new Error(`the container did not start: ${readFileSync(logPath, 'utf8').slice(-4000)}`);
      }
      await sleep(200);
    }
  }

  /** Runs a command in it as root; throws with all it said when it fails. */
  run(...command: string[]): string {
    const { status, output } = this.try(...command);
    if (status !== 0) throw new Error(`${command.join(' ')}: exit status ${status}\n${output}`);
    return output;
  }

  /** The same, for a command that may fail. */
  try(...command: string[]): { status: number | null; output: string } {
    const [program, ...args] = this.#words(command);
    const { status, stdout, stderr } = spawnSync(program as string, args, { encoding: 'utf8' });
    return { status, output: stdout + stderr };
  }

  /** Runs a command in it while others go on. */
  async runMeanwhile(...command: string[]): Promise<string> {
    const [program, ...args] = this.#words(command);
    return await runCommand(program as string, args);
  }

  #words(command: readonly string[]): string[] {
    const environment = [
      'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
      'HOME=/root',
      'LC_ALL=C',
      'DEBIAN_FRONTEND=noninteractive',
    ];
    return ['nsenter', '-t', this.#init, '-a', 'env', '-i', '-C', '/', ...environment, ...command];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill('SIGKILL');
    // The kernel ends all in it with its process 1, and then lets the groups go.
    for (let tries = 0; tries < 100 && !removeCgroups(this.#cgroup); tries++) await sleep(100);
  }
}

function findCgroups(): string {
  const place = execFileSync('findmnt', ['-n', '-o', 'TARGET', '-t', 'cgroup2'], { encoding: 'utf8' });
  return place.split('\n', 1)[0] ?? '';
}

/** Answers whether all are gone. */
function removeCgroups(group: string): boolean {
  try {
    for (const entry of readdirSync(group, { withFileTypes: true })) {
      if (entry.isDirectory() && !removeCgroups(path.join(group, entry.name))) return false;
    }
    rmdirSync(group);
    return true;
  } catch {
    return false;
  }
}
