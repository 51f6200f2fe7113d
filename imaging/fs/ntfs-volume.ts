// What an NTFS says of its own state: $Volume with version and flags, and $LogFile, which tells whether it was unmounted cleanly.
// Layout: Linux-NTFS documentation, "$Volume" and "$LogFile"; ntfs-3g layout.h and logfile.c (ntfs_check_logfile).
import { corrupt } from './distrust.ts';
import type { Mft, NtfsStream } from './ntfs-mft.ts';
import { attributeTypes, undoFixups } from './ntfs-record.ts';

const fileNumbers = { logFile: 2, volume: 3 } as const;
const knownVersions = ['1.2', '3.0', '3.1'];
const flags = { dirty: 0x1, checkUnderway: 0x4000 } as const;
/** Also: log file to be resized, to be upgraded, mounted by NT 4, journal being deleted, object ids to be mended, changed by chkdsk. */
const knownFlags = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x20 | 0x4000 | 0x8000;

/** The volume's label, or null. */
export async function readNtfsLabel(mft: Mft): Promise<string | null> {
  const name = await mft.findStream(fileNumbers.volume, attributeTypes.volumeName, '');
  return name?.value?.toString('utf16le') || null;
}

/** @throws DeployError file-system-corrupt with the reason why the volume's state does not allow to trust its bitmap */
export async function checkVolume(mft: Mft): Promise<void> {
  const { value } = await mft.openStream(fileNumbers.volume, attributeTypes.volumeInformation, '');
  if (value === null || value.length < 12) throw corrupt('the information of its volume is damaged');
  const version = `${value.readUInt8(8)}.${value.readUInt8(9)}`;
  const state = value.readUInt16LE(10);
  if (!knownVersions.includes(version)) throw corrupt(`NTFS of version ${version} is unknown`);
  if (state & flags.dirty) throw corrupt('it is marked dirty (not unmounted cleanly)');
  if (state & flags.checkUnderway) throw corrupt('a check of it was not finished');
  if (state & ~knownFlags) throw corrupt(`its flags 0x${state.toString(16)} are unknown`);
}

/** Restart pages start at offset 0 and at the size of a page of the system that wrote them: 4 to 64 KiB. */
const maxPageBytes = 64 * 1024;
const ones = Buffer.alloc(2 * maxPageBytes, 0xff);
const noClient = 0xffff;
const volumeIsClean = 0x2;

/** @throws DeployError file-system-corrupt when the log file holds changes that have not reached the metadata yet */
export async function checkLogFile(mft: Mft): Promise<NtfsStream> {
  const log = await mft.openStream(fileNumbers.logFile, attributeTypes.data, '');
  if (log.dataBytes < 2 * 4096) throw corrupt('its log file is too short');
  const head = await mft.read(log, 0, Math.min(log.dataBytes, 2 * maxPageBytes));
  // Tools that have replayed it fill it with ones.
  if (head.equals(ones.subarray(0, head.length))) return log;
  const areas = findRestartAreas(head);
  if (areas.length === 0) throw corrupt('its log file is damaged');
  const newest = areas.reduce((a, b) => (b.sequence > a.sequence ? b : a));
  if (!newest.isClean) throw corrupt('its log file has not been replayed (not unmounted cleanly)');
  return log;
}

type RestartArea = { readonly sequence: bigint; readonly isClean: boolean };

function findRestartAreas(head: Buffer): RestartArea[] {
  const areas: RestartArea[] = [];
  for (let at = 0; at + 4096 <= head.length && areas.length < 2; at = at === 0 ? 512 : at * 2) {
    const magic = head.toString('latin1', at, at + 4);
    // Pages of records come behind both restart pages.
    if (magic === 'RCRD') break;
    if (magic === 'CHKD') throw corrupt('its log file was changed by chkdsk');
    if (magic === 'RSTR') areas.push(parseRestartPage(head.subarray(at)));
  }
  return areas;
}

function parseRestartPage(bytes: Buffer): RestartArea {
  const what = 'a restart page of its log file';
  const pageBytes = bytes.readUInt32LE(16);
  const version = `${bytes.readInt16LE(28)}.${bytes.readInt16LE(26)}`;
  if (pageBytes < 4096 || pageBytes > Math.min(maxPageBytes, bytes.length) || !Number.isInteger(Math.log2(pageBytes)))
    throw corrupt(`${what} has an impossible size`);
  // Windows writes version 2.0 while it may keep metadata in memory (fast start-up), and 1.1 when it lets go of the volume.
  if (version !== '1.1' && version !== '1.0') throw corrupt(`its log file is of version ${version} (fast start-up?)`);
  const page = Buffer.from(bytes.subarray(0, pageBytes));
  undoFixups(page, 'RSTR', what);
  const at = page.readUInt16LE(24);
  if (at < 30 || at % 8 !== 0 || at + 48 > 512 - 2) throw corrupt(`${what} is damaged`);
  const isClean = page.readUInt16LE(at + 12) === noClient || (page.readUInt16LE(at + 14) & volumeIsClean) !== 0;
  return { sequence: page.readBigUInt64LE(at), isClean };
}
