// A machine's disks in a file: what the kernel and udev say of them, so that they can be listed elsewhere, and a user's machine can become a test.
import { mkdir, mkdtemp, readFile, readlink, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { z } from 'zod';
import { DeployError } from '../../protocol/errors.ts';
import { readDeviceGraph } from './device-graph.ts';
import type { DeviceNode } from './device-node.ts';
import { ataLogFile, readAtaLog } from './kernel-log.ts';
import { opalFile, readOpalLock } from './locks.ts';
import { membershipFile, readMembership } from './membership.ts';
import { listNames, readAttribute } from './sysfs.ts';

const pathSchema = z
  .string()
  .max(1024)
  .regex(/^(sys|run|proc)\/[^\0]+$/);
const recordingSchema = z.object({
  formatVersion: z.literal(1),
  kernel: z.string().max(256),
  /** Base64 of files by their path from the root. */
  files: z.record(pathSchema, z.string().max(2 ** 20)),
  /** Symbolic links: both from the root. */
  links: z.record(pathSchema, pathSchema),
  /** What only has to be there. */
  directories: z.array(pathSchema).max(100_000),
});
export type Recording = z.infer<typeof recordingSchema>;
const maxFileBytes = 2 ** 18;

/** What the readers of this folder look at, in a device's directory and in each on the way to it. Nothing else: some attributes act when they are read. */
const attributes = [
  ...[
    'dev',
    'size',
    'ro',
    'removable',
    'hidden',
    'partition',
    'start',
    'wwid',
    'serial',
    'nsid',
    'ana_state',
    'access_state',
    'state',
  ],
  ...['model', 'name', 'type', 'vendor', 'rev', 'device', 'class', 'subsystem_vendor', 'subsystem_device'],
  ...['speed', 'current_link_speed', 'current_link_width', 'subsysnqn', 'transport', 'vpd_pg80', 'vpd_pg83'],
  ...['queue/logical_block_size', 'queue/physical_block_size', 'queue/rotational', 'dm/name', 'dm/uuid'],
  ...['md/level', 'md/array_state', 'md/metadata_version', 'md/degraded', 'md/raid_disks', 'md/sync_action'],
  ...['md/sync_completed', 'md/resync_start', 'loop/backing_file'],
];

/** What a port, host or session says of itself, in the class directory of its own name. */
const transports: readonly (readonly [string, string])[] = [
  ['ata_port', 'port_no'],
  ['fc_remote_ports', 'port_name'],
  ['iscsi_session', 'targetname'],
  ['fc_host', 'speed'],
];

/** Records the machine below `root`. Serial numbers, labels and mount points are in it; nothing of what is in files. */
export async function recordMachine(root = '/'): Promise<Recording> {
  const recorder = new Recorder(await realpath(root));
  const graph = await readDeviceGraph(root);
  for (const node of graph.values()) await recorder.addDevice(node);
  await recorder.keep('proc/swaps');
  await recorder.keepMounts(new Set([...graph.values()].map(({ majorMinor }) => majorMinor)));
  recorder.add(ataLogFile, await readAtaLog(root));
  return {
    formatVersion: 1,
    kernel: (await readAttribute(root, 'proc/sys/kernel/osrelease')) ?? '',
    ...recorder.found(),
  };
}

/** Paths are from the root, without its slash. */
class Recorder {
  readonly #root: string;
  readonly #files = new Map<string, string>();
  readonly #links = new Map<string, string>();
  readonly #directories = new Set<string>();

  constructor(root: string) {
    this.#root = root;
  }

  found(): Pick<Recording, 'files' | 'links' | 'directories'> {
    return {
      files: Object.fromEntries(this.#files),
      links: Object.fromEntries(this.#links),
      directories: [...this.#directories],
    };
  }

  async addDevice(node: DeviceNode): Promise<void> {
    const { kernelName, majorMinor, kind } = node;
    const directory = relative(this.#root, node.directory);
    this.#links.set(`sys/class/block/${kernelName}`, directory);
    if (majorMinor !== '') this.#links.set(`sys/dev/block/${majorMinor}`, directory);
    if (kind !== 'partition') this.#links.set(`sys/block/${kernelName}`, directory);
    await this.#keepAttributes(directory);
    for (const folder of ['slaves', 'holders']) {
      for (const name of await listNames(this.#root, directory, folder))
        await this.#link(join(directory, folder, name));
    }
    for (const name of node.below) await this.keep(join(directory, 'md', `dev-${name}`, 'state'));
    await this.#link(join(directory, 'device'));
    // A link wherever there is a bus; what lies behind it is on the way.
    if (!this.#links.has(join(directory, 'device'))) await this.#keepAttributes(join(directory, 'device'));
    for (let at = dirname(directory); at.startsWith('sys/devices/'); at = dirname(at)) await this.#addWay(at);
    await this.keep(`run/udev/data/b${majorMinor}`);
    await this.#addMembership(node);
    await this.#addOpalLock(node);
  }

  async keep(path: string): Promise<void> {
    if (this.#files.has(path)) return;
    const bytes = await readFile(join(this.#root, path)).catch(() => null);
    if (bytes !== null && bytes.length <= maxFileBytes) this.#files.set(path, bytes.toString('base64'));
  }

  add(path: string, text: string | null): void {
    if (text !== null && text.length <= maxFileBytes)
      this.#files.set(path, Buffer.from(text, 'latin1').toString('base64'));
  }

  /** Of block devices only: what else is mounted (shares of other machines) is nobody's business. See device-uses.ts. */
  async keepMounts(numbers: ReadonlySet<string>): Promise<void> {
    const path = 'proc/self/mountinfo';
    const text = await readFile(join(this.#root, path), 'latin1').catch(() => '');
    const lines = text.split('\n').filter((line) => {
      const [before = '', after = ''] = line.split(' - ');
      const [, , number] = before.split(' ');
      return (number !== undefined && numbers.has(number)) || after.split(' ')[1]?.startsWith('/dev/');
    });
    this.add(path, lines.map((line) => `${line}\n`).join(''));
  }

  async #keepAttributes(directory: string): Promise<void> {
    for (const name of attributes) await this.keep(join(directory, name));
  }

  async #link(path: string): Promise<void> {
    const target = await realpath(join(this.#root, path)).catch(() => null);
    if (target !== null && target !== join(this.#root, path)) this.#links.set(path, relative(this.#root, target));
  }

  /** A port, host, target or controller on the way to a device. */
  async #addWay(at: string): Promise<void> {
    await this.#keepAttributes(at);
    const name = basename(at);
    for (const [kind, attribute] of transports) await this.keep(join(at, kind, name, attribute));
    const driver = await readlink(join(this.#root, at, 'driver')).catch(() => null);
    if (driver !== null) this.#links.set(join(at, 'driver'), `sys/drivers/${basename(driver)}`);
    for (const below of await listNames(this.#root, at)) {
      // Phys give a SAS port its place; hosts, buses and ports get theirs from their number among their siblings.
      if (/^(phy-[\d:]+|(host|usb|mmc|ata)\d+)$/.test(below)) this.#directories.add(join(at, below));
      if (below.startsWith('phy-')) await this.keep(join(at, below, 'sas_phy', below, 'negotiated_linkrate'));
      if (below.startsWith('link')) await this.keep(join(at, below, 'ata_link', below, 'sata_spd'));
      if (/^nvme\d+$/.test(below)) await this.#link(join(at, below));
    }
  }

  async #addMembership(device: DeviceNode): Promise<void> {
    if (device.sizeBytes === 0 || device.devicePath === '') return;
    const look = await readMembership(device);
    if (look.answers && look.seen !== null)
      this.#files.set(membershipFile('', device.kernelName), Buffer.from(look.seen).toString('base64'));
  }

  async #addOpalLock({ kind, hardware, devicePath, kernelName }: DeviceNode): Promise<void> {
    if (kind !== 'disk' || hardware.bus === 'usb') return;
    this.add(opalFile('', kernelName), await readOpalLock(devicePath, this.#root));
  }
}

/** What `list` (`listDisks`, `listDevices`) says of the machine that `text` was recorded on. @throws DeployError invalid-input */
export async function listRecorded<T>(text: string, list: (root: string) => Promise<T[]>): Promise<T[]> {
  const root = await mkdtemp(join(tmpdir(), 'deploy-os-disks-'));
  try {
    await unpackRecording(text, root).catch((thrown: unknown) => {
      throw new DeployError('invalid-input', 'this is no recording that `deploy-os disks --record` wrote', {
        cause: thrown,
      });
    });
    return JSON.parse(JSON.stringify(await list(root)).replaceAll(root, '')) as T[];
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** Writes a recording as a tree below the empty folder `root`, and nothing outside of it. */
async function unpackRecording(text: string, root: string): Promise<void> {
  const { files, links, directories } = recordingSchema.parse(JSON.parse(text));
  for (const path of [...directories, ...Object.values(links)]) await mkdir(inside(root, path), { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    const file = inside(root, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, Buffer.from(content, 'base64'), { flag: 'wx' });
  }
  // Last, so that no file is written through one.
  for (const [path, target] of Object.entries(links)) {
    const link = inside(root, path);
    await mkdir(dirname(link), { recursive: true });
    await symlink(inside(root, target), link);
  }
}

function inside(root: string, path: string): string {
  const full = resolve(root, path);
  if (!full.startsWith(`${root}/`)) throw new Error(`${path} leads out of the recording`);
  return full;
}
