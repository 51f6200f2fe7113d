// Part of the third: arrays over whole disks, of Linux and of firmware, by mdadm. Read-only until somebody writes.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readArrayState } from '../../imaging/blockdev/array-state.ts';
import { readWithin } from '../../imaging/blockdev/bounded-look.ts';
import { findArray } from '../../imaging/blockdev/member-signature.ts';
import { findByName, listNames, readAttribute, readGeometry } from '../../imaging/blockdev/sysfs.ts';
import type { Log } from '../screen/status.ts';
import { runBounded } from './bounded-tool.ts';

/** What mdadm assembles, as blkid names the marks. */
const assembled = new Set(['linux_raid_member', 'isw_raid_member', 'ddf_raid_member']);
const neverMembers = /^(ram|zram|loop|sr|fd|mtdblock|nullb)\d|^mmcblk\d+(boot\d+|rpmb)$/;
const configPath = '/run/deploy-os/mdadm.conf';
/** An array of arrays takes a round for each layer, and what cannot be assembled one more. */
const maxRounds = 4;
const toolWithinMs = 60_000;

/**
 * Assembles every array of which enough members are there; a degraded one too. Kernel and mdmon start nothing (no resync, no rebuild, no
 * mark on a member) before the first write to the array.
 */
export async function assembleArrays(log: Log): Promise<void> {
  for (let round = 0; round < maxRounds; round++) {
    const members = await findMembers(log);
    if (members.length === 0) return;
    const { arrays, said } = await assembleMembers(members);
    for (const name of arrays) if (!(await isContainer(name))) log('info', await describeArray(name));
    if (arrays.length > 0) continue;
    // Asked of these alone, mdadm says of nothing else: the next look gives the same words while nothing has changed.
    const left = members.map((name) => `/dev/${name}`).join(', ');
    log('warning', `of ${left} no array could be assembled: ${said.replaceAll('\n', '; ')}`);
    return;
  }
}

/** Kernel names of whole disks that carry an array's mark and belong to nothing yet; without Intel's spares, which mdadm puts into no array. */
async function findMembers(log: Log): Promise<string[]> {
  const names = (await listNames('/sys/block')).filter((name) => !neverMembers.test(name));
  const marked = await Promise.all(names.map(async (name) => ((await isFreeMember(name, log)) ? name : null)));
  return marked.filter((name) => name !== null);
}

async function isFreeMember(name: string, log: Log): Promise<boolean> {
  const device = await findByName('/', name);
  if (device === null || (await readGeometry(device)).sizeBytes === 0) return false;
  if ((await readAttribute(device.directory, 'hidden')) === '1') return false;
  if ((await listNames(device.directory, 'holders')).length > 0) return false;
  if (name.startsWith('dm-') && !/^mpath-/.test((await readAttribute(device.directory, 'dm/uuid')) ?? '')) return false;
  const look = await readWithin(device, findArray);
  if (look.answers) return look.seen !== null && look.seen.spare !== true && assembled.has(look.seen.fileSystem);
  // What erases itself is named beside this (warn-of-erasing.ts).
  if (!look.isErasing) log('warning', `${device.devicePath} ${look.why}`);
  return false;
}

/** The arrays that there are now and were not before, and what mdadm said. */
async function assembleMembers(members: readonly string[]): Promise<{ arrays: string[]; said: string }> {
  const before = new Set(await listArrays());
  await prepare(members);
  // `--readonly`: with firmware's metadata a dirty array would else be resynchronised, and a spare be taken in, as soon as mdmon runs.
  const args = ['--assemble', '--scan', '--readonly', '--run', `--config=${configPath}`];
  const { said } = await runBounded('mdadm', args, toolWithinMs);
  await releaseFailed(before);
  const arrays = (await listArrays()).filter((name) => !before.has(name));
  for (const name of arrays) await letFirstWriteOpen(name);
  await runBounded('udevadm', ['settle', '--timeout=10'], 15_000);
  return { arrays, said };
}

async function prepare(members: readonly string[]): Promise<void> {
  await mkdir('/run/mdadm', { recursive: true });
  const devices = members.map((name) => `/dev/${name}`).join(' ');
  // Whatever machine wrote the metadata: its name is no reason to refuse.
  await writeFile(configPath, `DEVICE ${devices} containers\nAUTO +all\nHOMEHOST <ignore>\nMAILADDR root\n`);
  await runBounded('modprobe', ['md_mod'], toolWithinMs);
  await writeFile('/sys/module/md_mod/parameters/start_ro', '1').catch(() => undefined);
}

async function listArrays(): Promise<string[]> {
  return (await listNames('/sys/block')).filter((name) => /^md/.test(name));
}

const readMd = async (name: string, attribute: string) => await readAttribute('/sys/block', name, 'md', attribute);

/** A container holds the members of firmware's arrays and is none itself: `external:imsm`; an array in it says `external:/md127/0`. */
async function isContainer(name: string): Promise<boolean> {
  return /^external:[a-z]/i.test((await readMd(name, 'metadata_version')) ?? '');
}

/** What could not be started keeps no disk: first the arrays, then containers without any. */
async function releaseFailed(before: ReadonlySet<string>): Promise<void> {
  const fresh = (await listArrays()).filter((name) => !before.has(name));
  for (const name of fresh) {
    const state = await readMd(name, 'array_state');
    if (!(await isContainer(name)) && (state === 'inactive' || state === 'clear')) await stopArray(name);
  }
  const inUse = await Promise.all((await listArrays()).map(async (name) => await readMd(name, 'metadata_version')));
  for (const name of fresh) {
    const used = inUse.some((version) => containerOf(version) === name);
    if ((await isContainer(name)) && !used) await stopArray(name);
  }
}

async function stopArray(name: string): Promise<void> {
  await runBounded('mdadm', ['--stop', join('/dev', name)], toolWithinMs);
}

/** From read-only to auto-read-only: the kernel takes the first write, and only then marks the members. */
async function letFirstWriteOpen(name: string): Promise<void> {
  if ((await readMd(name, 'array_state')) !== 'readonly') return;
  await writeFile(join('/sys/block', name, 'md/array_state'), 'read-auto').catch(() => undefined);
}

/**
 * Stops all arrays: their members are marked clean, without which the next system would resynchronise them. mdadm stops what nobody has open;
 * containers follow their arrays, and mdmon ends with them.
 */
export async function stopArrays(): Promise<void> {
  const arrays = await listArrays();
  if (arrays.length === 0) return;
  await endIdleMonitors(arrays);
  await runBounded('mdadm', ['--wait-clean', '--scan'], 30_000);
  for (let layer = 0; layer < maxRounds && (await listArrays()).length > 0; layer++) {
    await runBounded('mdadm', ['--stop', '--scan'], 30_000);
  }
}

/**
 * Where nobody wrote nothing is to be noted, but mdmon would: of an array that was dirty when it was assembled that it is stopped, and
 * is to be repaired.
 */
async function endIdleMonitors(arrays: readonly string[]): Promise<void> {
  const facts = await Promise.all(
    arrays.map(async (name) => ({
      version: await readMd(name, 'metadata_version'),
      state: await readMd(name, 'array_state'),
    })),
  );
  for (const container of arrays) {
    if (!(await isContainer(container))) continue;
    const volumes = facts.filter(({ version }) => containerOf(version) === container);
    if (volumes.some(({ state }) => state !== 'read-auto' && state !== 'readonly')) continue;
    const pid = (await readAttribute('/run/mdadm', `${container}.pid`)) ?? '';
    const program = /^\d+$/.test(pid) ? await readAttribute('/proc', pid, 'comm') : null;
    // Not asked to end: it would first do what it does at an end.
    if (program === 'mdmon') await runBounded('busybox', ['kill', '-KILL', pid], 5000);
  }
}

/** The container of a volume of firmware's. */
const containerOf = (version: string | null) => /^external:[/-](.+)\//.exec(version ?? '')?.[1];

async function describeArray(name: string): Promise<string> {
  const state = await readArrayState('/', join('/sys/block', name));
  if (state === null) return `/dev/${name} is gone again`;
  const { level, metadata, members, missing, dirty } = state;
  const facts = [
    missing > 0 ? `degraded, ${missing} of ${members} members missing` : `${members} members`,
    ...(dirty ? ['not stopped when it was last in use'] : []),
    await readMd(name, 'array_state'),
  ];
  return `/dev/${name} is assembled: ${level}, metadata ${metadata}, ${facts.join(', ')}`;
}
