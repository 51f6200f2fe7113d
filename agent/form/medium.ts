// Where settings are remembered: deploy-os.conf in its partition on the very medium that the machine was booted from, and on nothing else.
import { constants } from 'node:fs';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isBootMedium } from '../../imaging/blockdev/boot-medium.ts';
import { readDeviceGraph } from '../../imaging/blockdev/device-graph.ts';
import type { DeviceNode } from '../../imaging/blockdev/device-node.ts';
import { openReader } from '../../imaging/blockdev/open-reader.ts';
import { readAttribute } from '../../imaging/blockdev/sysfs.ts';
import { DeployError, toDeployError } from '../../protocol/errors.ts';
import { runBounded } from '../1-boot/bounded-tool.ts';
import { readMediumId } from '../1-boot/command-line.ts';
import type { SettingWords } from '../1-boot/settings.ts';
import { runDir } from '../2-network/prepare.ts';
import { en } from '../screen/words/en.ts';
import type { Say } from '../screen/words/words.ts';
import { isSameServer } from './given.ts';
import type { Memory } from './render-form.ts';
import { editSettings } from './settings-file.ts';
import { findSettingsPlace, type SettingsPlace, settingsPartition } from './settings-place.ts';

const folder = `${runDir}/medium`;
const fileName = 'deploy-os.conf';
/** Not of an 8.3 name that is taken by a file of a person. */
const newName = 'deploy-os.new';
const maxFileBytes = 65_536;
const toolMs = 15_000;
const wholeMs = 40_000;

type Found = { readonly partition: string; readonly disk: string } | { readonly why: Say };

/** On what the settings would be remembered. `kernelText`: the kernel's command line, on which the boot loader names its medium. */
export async function findMemory(kernelText: string): Promise<Memory> {
  const found = await findMedium(kernelText).catch((thrown): Found => {
    return { why: () => toDeployError(thrown).message };
  });
  return 'why' in found ? { can: false, say: found.why } : { can: true, say: () => found.disk };
}

/** Writes the settings, and tells in words what came of it; whatever goes wrong, the machine goes on with them. */
export async function remember(kernelText: string, words: SettingWords): Promise<string> {
  const late = sleep(wholeMs, 'not remembered: the medium does not answer', { ref: false });
  const written = findMedium(kernelText).then(async (found) => {
    if ('why' in found) return `not remembered: ${found.why(en)}`;
    await writeSettings(found.partition, (text) =>
      editSettings(text, words, { sameServer: isSameServer(kernelText, words) }),
    );
    return `remembered on ${found.disk}`;
  });
  const failed = (thrown: unknown) => `not remembered: ${toDeployError(thrown).message}`;
  return await Promise.race([late, written.catch(failed)]);
}

async function findMedium(kernelText: string): Promise<Found> {
  const id = readMediumId(kernelText);
  if (id === null) return { why: ({ medium }) => medium.none };
  const nodes = [...(await readDeviceGraph()).values()];
  const media: DeviceNode[] = [];
  for (const node of nodes) {
    if ((node.kind === 'disk' || node.kind === 'optical') && (await isBootMedium(node))) media.push(node);
  }
  const [disk, ...others] = media;
  if (disk === undefined) return { why: ({ medium }) => medium.gone };
  const paths = media.map(({ devicePath }) => devicePath).join(', ');
  if (others.length > 0) return { why: ({ medium }) => medium.several(paths) };
  if (disk.kind === 'optical' || disk.readOnly) return { why: ({ medium }) => medium.cannotBeWritten(paths) };
  const place = await readPlace(disk, id);
  const partition = nodes.find(
    ({ partOf, partitionNumber }) => partOf === disk.kernelName && partitionNumber === settingsPartition,
  );
  if (place === null || partition === undefined || !(await isAt(partition, place))) {
    return { why: ({ medium }) => medium.other(paths) };
  }
  if (await isMounted(partition)) return { why: ({ medium }) => medium.inUse(partition.devicePath) };
  return { partition: partition.devicePath, disk: disk.devicePath };
}

async function readPlace(disk: DeviceNode, id: string): Promise<SettingsPlace | null> {
  const reader = await openReader(disk.devicePath);
  try {
    return await findSettingsPlace(reader, id);
  } finally {
    await reader.close();
  }
}

/** The kernel may have read another table than stands there now. sysfs counts in units of 512 bytes. */
async function isAt({ directory, sizeBytes, above, readOnly }: DeviceNode, place: SettingsPlace): Promise<boolean> {
  const startBytes = Number((await readAttribute(directory, 'start')) ?? Number.NaN) * 512;
  return startBytes === place.startBytes && sizeBytes === place.sizeBytes && above.length === 0 && !readOnly;
}

async function isMounted({ majorMinor }: DeviceNode): Promise<boolean> {
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  return mounts.some((line) => line.split(' ')[2] === majorMinor);
}

async function writeSettings(partition: string, edit: (text: string) => string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await runBounded('modprobe', ['-q', 'vfat'], toolMs);
  await run('mount', '-t', 'vfat', '-o', 'rw,nosuid,nodev,noexec', partition, folder);
  try {
    await replaceFile(edit);
  } finally {
    await run('umount', folder);
  }
  await flush(partition);
}

async function run(...args: string[]): Promise<void> {
  const { ok, said } = await runBounded('busybox', args, toolMs);
  if (!ok) throw new DeployError('target-write', said);
}

/** The file that is there stays whole until the new one is on the medium. */
async function replaceFile(edit: (text: string) => string): Promise<void> {
  const path = join(folder, fileName);
  const before = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  const status = await before.stat();
  const usable = status.isFile() && status.size <= maxFileBytes;
  const text = usable ? await before.readFile('latin1') : '';
  await before.close();
  if (!usable) throw new DeployError('target-write', `${fileName} is no file of a few lines`);
  const next = await open(join(folder, newName), 'w');
  try {
    await next.writeFile(edit(text), 'latin1');
    await next.sync();
  } finally {
    await next.close();
  }
  await rename(join(folder, newName), path);
  const entries = await open(folder, 'r');
  await entries.sync().finally(() => entries.close());
}

/** Past the stick's own cache: it is pulled out next. */
async function flush(partition: string): Promise<void> {
  const device = await open(partition, 'r+');
  await device.sync().finally(() => device.close());
}
