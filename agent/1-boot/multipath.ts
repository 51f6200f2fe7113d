// Part of the third: the paths to one LUN become one disk, by multipathd. Which disks are paths of one LUN is decided here, by their WWID.
import { readFile, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readUdevProperties } from '../../imaging/blockdev/hardware.ts';
import { listNames, readAttribute } from '../../imaging/blockdev/sysfs.ts';
import type { Log } from '../screen/status.ts';
import { runBounded } from './bounded-tool.ts';

/** A SCSI disk by what tells whether it is a path of the same LUN as another one. */
export type ScsiDisk = {
  readonly kernelName: string;
  /** As udev and multipathd have it: the kind of name (SPC-4, 7.8.6) as a digit, then the name. */
  readonly wwid: string;
  /** Vendor, model and size. */
  readonly looks: string;
};

const configPath = '/etc/multipath.conf';
const pidPath = '/run/multipathd.pid';
const toolWithinMs = 30_000;
const mapsWithinMs = 20_000;
/** Seconds: how long reads and writes wait when no path is left, and how often paths are looked at. */
const waitWithoutPathSeconds = 60;
const pollSeconds = 5;

/**
 * Starts multipathd where two disks are paths of one LUN, and waits until each such LUN is one disk. Elsewhere it does not run: it would have
 * nothing to do, and holds memory for good.
 */
export async function foldPaths(log: Log): Promise<void> {
  const paths = groupPaths(await listScsiDisks());
  if (paths.size === 0) return;
  const config = multipathConfig([...paths.keys()]);
  const alive = await isRunning();
  // A further path to a LUN that it knows multipathd takes up by itself: that is waited for, too.
  if (!alive || config !== (await readFile(configPath, 'utf8').catch(() => ''))) {
    await writeFile(configPath, config);
    await runBounded('modprobe', ['-a', 'dm_multipath', 'dm_service_time', 'scsi_dh_alua'], toolWithinMs);
    const command = alive ? ['reconfigure'] : [];
    const { ok, said } = await runBounded('multipathd', command, toolWithinMs);
    if (!ok) log('warning', `starting multipathd: ${said.replaceAll('\n', '; ')}`);
  }
  await waitForMaps(paths, log);
}

/**
 * The WWIDs of LUNs with several paths, and the paths of each. Two disks count as paths when WWID, vendor, model and size agree: bridges that
 * give every disk the same name give different disks away by these.
 */
export function groupPaths(disks: readonly ScsiDisk[]): Map<string, string[]> {
  const groups = Map.groupBy(disks, ({ wwid }) => wwid);
  const several = [...groups].filter(
    ([, group]) => group.length > 1 && group.every(({ looks }) => looks === group[0]?.looks),
  );
  return new Map(several.map(([wwid, group]) => [wwid, group.map(({ kernelName }) => kernelName)]));
}

/** Not those on USB and ATA: such a disk has one path, and two of one name there are two disks. */
async function listScsiDisks(): Promise<ScsiDisk[]> {
  const disks: ScsiDisk[] = [];
  for (const kernelName of (await listNames('/sys/block')).filter((name) => /^sd[a-z]+$/.test(name))) {
    const directory = join('/sys/block', kernelName);
    const place = await realpath(directory).catch(() => '/usb');
    const [vendor, model, size, number] = await Promise.all(
      ['device/vendor', 'device/model', 'size', 'dev'].map((name) => readAttribute(directory, name)),
    );
    if (/\/(usb|ata)\d*/.test(place) || vendor === 'ATA' || size === null || number == null) continue;
    const wwid = (await readUdevProperties('/', number)).get('ID_SERIAL') ?? '';
    // By T10 vendor, EUI-64, NAA or SCSI name: what is meant to be unique in the world. A mere serial number is not.
    if (/^[1238]\S+$/.test(wwid)) disks.push({ kernelName, wwid, looks: `${vendor} ${model} ${size}` });
  }
  return disks;
}

/** Only these LUNs, by name; for the rest multipathd's own table of arrays and its detection of ALUA decide. See multipath.conf(5). */
export function multipathConfig(wwids: readonly string[]): string {
  const exact = wwids.toSorted().map((wwid) => `  wwid "^${wwid.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)}$"`);
  return `defaults {
  find_multipaths no
  user_friendly_names no
  polling_interval ${pollSeconds}
  max_polling_interval ${pollSeconds}
  fast_io_fail_tmo 5
  dev_loss_tmo 120
  queue_without_daemon no
}
blacklist {
  wwid ".*"
}
blacklist_exceptions {
${exact.join('\n')}
  property ".*"
}
overrides {
  no_path_retry ${waitWithoutPathSeconds / pollSeconds}
  failback immediate
}
`;
}

async function isRunning(): Promise<boolean> {
  const pid = (await readFile(pidPath, 'utf8').catch(() => '')).trim();
  return pid !== '' && (await readAttribute('/proc', pid, 'comm')) === 'multipathd';
}

/** Paths that were waited for in vain, with their LUN: not again at every look. */
const givenUp = new Set<string>();

/** Until each LUN's map has all its paths. */
async function waitForMaps(paths: ReadonlyMap<string, readonly string[]>, log: Log): Promise<void> {
  const lacking = async () => {
    const maps = await readMaps();
    const missing = [...paths].map(([wwid, names]) => {
      const joined = maps.get(wwid)?.paths ?? [];
      return { wwid, names: names.filter((name) => !joined.includes(name)) };
    });
    return { maps, missing: missing.filter(({ names }) => names.length > 0) };
  };
  const endMs = performance.now() + mapsWithinMs;
  let { maps, missing } = await lacking();
  const early = new Set(missing.map(({ wwid }) => wwid));
  while (missing.some((lun) => !givenUp.has(keyOf(lun))) && performance.now() < endMs) {
    await sleep(200);
    ({ maps, missing } = await lacking());
  }
  if (early.size > 0) await runBounded('udevadm', ['settle', '--timeout=10'], 15_000);
  for (const [wwid, { name, paths: joined }] of maps) {
    if (!early.has(wwid) || missing.some((lun) => lun.wwid === wwid)) continue;
    log('info', `/dev/${name} is LUN ${wwid} with ${joined.length} paths: ${joined.join(', ')}`);
  }
  for (const lun of missing) {
    givenUp.add(keyOf(lun));
    const names = lun.names.join(', ');
    const within = `within ${mapsWithinMs / 1000} s`;
    if (lun.names.length > 1) {
      log('warning', `${names} are paths of one LUN (${lun.wwid}), but multipathd has not put them together ${within}`);
    } else {
      log('warning', `${names} is one more path of a LUN (${lun.wwid}), but multipathd has not put it in ${within}`);
    }
  }
}

function keyOf({ wwid, names }: { readonly wwid: string; readonly names: readonly string[] }): string {
  return `${wwid} ${names.join(' ')}`;
}

/** The maps that multipathd has made, by WWID. */
async function readMaps(): Promise<Map<string, { readonly name: string; readonly paths: readonly string[] }>> {
  const maps = new Map<string, { name: string; paths: string[] }>();
  for (const name of (await listNames('/sys/block')).filter((candidate) => candidate.startsWith('dm-'))) {
    const uuid = (await readAttribute('/sys/block', name, 'dm/uuid')) ?? '';
    if (uuid.startsWith('mpath-'))
      maps.set(uuid.slice('mpath-'.length), { name, paths: await listNames('/sys/block', name, 'slaves') });
  }
  return maps;
}

/** Maps are taken away, for the end: what is queued for a LUN without a path fails rather than holding up the machine. */
export async function flushPaths(): Promise<void> {
  if (!(await isRunning())) return;
  await runBounded('multipathd', ['disablequeueing', 'maps'], toolWithinMs);
  await runBounded('multipath', ['-F'], toolWithinMs);
}
