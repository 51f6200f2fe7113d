// Fifth stage, step `check`: looks at every disk without writing, and says what is on it and what is wrong, as data and in words.
import type { Disk } from '../../imaging/blockdev/disk.ts';
import { addOpalLocks, describeLocks } from '../../imaging/blockdev/locks.ts';
import type { DiskMap } from '../../imaging/disk-map.ts';
import { totalBytes } from '../../imaging/extent.ts';
import { mapDisk } from '../../imaging/map.ts';
import { readPresentTarget } from '../../imaging/read-present-target.ts';
import { refuseErasing } from '../../imaging/wipe/refuse-erasing.ts';
import { findSanitizers } from '../../imaging/wipe/sanitize.ts';
import { type CheckedDisk, maxNoteLength, maxNotes } from '../../protocol/disk-check.ts';
import { toDeployError } from '../../protocol/errors.ts';
import { formatBytes } from '../../protocol/format-bytes.ts';
import { describeDisk } from '../../protocol/select-disk.ts';
import { readHealth } from './read-health.ts';
import type { StepRun, StepWork } from './step.ts';

/** Maps every disk. A disk that cannot be read is a warning, not the end: the others are looked at too. */
export async function checkDisks(step: StepRun): Promise<StepWork> {
  const found = await addOpalLocks(await step.context.listDisks(), { signal: step.run.signal });
  const disks: CheckedDisk[] = [];
  for (const disk of found) disks.push(await checkDisk(disk, step));
  warnOfTwins(found, step.run.onWarning);
  const sum = (figure: (disk: CheckedDisk) => number) => disks.reduce((total, disk) => total + figure(disk), 0);
  return {
    figures: {
      disks: disks.length,
      unreadable: sum(({ readError }) => (readError === null ? 0 : 1)),
      failing: sum(({ health }) => (health?.passed === false ? 1 : 0)),
      sizeBytes: sum(({ sizeBytes }) => sizeBytes),
      usedBytes: sum(({ map }) => map?.usedBytes ?? 0),
    },
    checked: disks,
  };
}

async function checkDisk(disk: Disk, step: StepRun): Promise<CheckedDisk> {
  const lockedBy = describeLocks(disk.locks);
  if (lockedBy !== null) step.run.onWarning(`${describeDisk(disk)} is locked by ${lockedBy}`);
  const content = await readContents(disk, step);
  const health = await readHealth(disk, step.run.signal);
  if (health?.passed === false) step.run.onWarning(`${describeDisk(disk)} says that it is failing: replace it`);
  return { ...disk, ...content, health, erase: await readEraseWays(disk) };
}

/** Of a disk itself: an array has none, and of a LUN's paths any could be asked, but a wipe asks none. */
async function readEraseWays({ kind, devicePath }: Disk): Promise<CheckedDisk['erase']> {
  if (kind !== 'disk') return null;
  const found = await findSanitizers({ path: devicePath, label: devicePath }).catch(() => null);
  if (found === null) return null;
  return {
    ways: found.sanitizers.map(({ way }) => way),
    hindrances: found.hindrances.slice(0, 8).map((hindrance) => hindrance.slice(0, 512)),
  };
}

async function readContents(
  disk: Disk,
  { run, log }: StepRun,
): Promise<Pick<CheckedDisk, 'map' | 'tablesDigest' | 'readError'>> {
  try {
    await refuseErasing(disk.devicePath, describeDisk(disk));
    const map = await mapDisk(disk.devicePath, { ...run, allowMember: true });
    const { tablesDigest } = await readPresentTarget({ path: disk.devicePath, sizeBytes: disk.sizeBytes });
    log('info', describeContents(disk, map));
    if (disk.inUseBy.length > 0) log('info', `${describeDisk(disk)} is in use by ${disk.inUseBy.join(', ')}`);
    return { map: summarizeMap(map), tablesDigest, readError: null };
  } catch (thrown) {
    const { code, message } = toDeployError(thrown);
    if (code === 'cancelled') throw thrown;
    run.onWarning(code === 'disk-erasing' ? message : `${describeDisk(disk)}: ${message}`);
    return { map: null, tablesDigest: null, readError: message.slice(0, maxNoteLength) };
  }
}

function describeContents(disk: Disk, map: DiskMap): string {
  const partitions = map.partitions.map(
    (part) =>
      `${part.number === 0 ? 'the whole disk' : part.number}: ${part.fileSystem ?? 'unknown'} ${formatBytes(part.usedBytes)} of ${formatBytes(part.sizeBytes)}`,
  );
  const table = map.table === 'none' ? 'no partition table' : map.table.toUpperCase();
  const used = `${formatBytes(totalBytes(map.used))} used`;
  return `${describeDisk(disk)}: ${table}, ${used}${partitions.map((text) => `; ${text}`).join('')}`;
}

/** Within the bounds of the protocol's schema. */
function summarizeMap(map: DiskMap): CheckedDisk['map'] {
  const notes = (all: readonly string[]) => all.slice(0, maxNotes).map((note) => note.slice(0, maxNoteLength));
  return {
    table: map.table,
    tableId: clip(map.diskId),
    usedBytes: totalBytes(map.used),
    partitions: map.partitions.slice(0, 1024).map((part) => ({
      number: part.number,
      startBytes: part.startBytes,
      sizeBytes: part.sizeBytes,
      name: clip(part.partitionName),
      fileSystem: clip(part.fileSystem),
      label: clip(part.fileSystemLabel),
      uuid: clip(part.fileSystemUuid),
      reader: part.reader.slice(0, 512),
      usedBytes: part.usedBytes,
      notes: notes(part.notes),
    })),
    notes: notes(map.notes ?? []),
  };
}

function clip(text: string | null): string | null {
  return text?.slice(0, 512) ?? null;
}

/** Two disks of one id cannot be told apart: a selector by id would be refused. */
function warnOfTwins(disks: readonly Disk[], onWarning: (message: string) => void): void {
  for (const [i, disk] of disks.entries()) {
    const twin = disks.slice(0, i).find(({ id }) => id === disk.id);
    if (twin !== undefined) onWarning(`${describeDisk(disk)} has the same id as ${describeDisk(twin)}`);
  }
}
