// Fifth stage, step `check`: asks a disk, or all that an array or a LUN is made of, for its own health, by Debian's smartctl where it is there.
import { askDisk } from '../../imaging/blockdev/ask-disk.ts';
import type { Disk } from '../../imaging/blockdev/disk.ts';
import { throwIfCancelled } from '../../imaging/cancelled.ts';
import type { DiskHealth } from '../../protocol/disk-check.ts';
import { parseSmartReport, worstOf } from './smart-report.ts';

const timeoutMs = 20_000;
const maxReportBytes = 1024 * 1024;
/** Of members and paths asked at once. */
const atOnce = 8;

/** Null when there is nobody to ask, or no answer. Nothing on the disk changes. @throws DeployError cancelled */
export async function readHealth(disk: Disk, signal: AbortSignal): Promise<DiskHealth | null> {
  const devices = disk.kind === 'disk' ? [disk.devicePath] : disk.parts.map(({ devicePath }) => devicePath);
  const answers: (DiskHealth | null)[] = [];
  for (let i = 0; i < devices.length; i += atOnce) {
    throwIfCancelled(signal);
    answers.push(...(await Promise.all(devices.slice(i, i + atOnce).map(askDevice))));
  }
  return worstOf(answers.filter((answer) => answer !== null));
}

async function askDevice(devicePath: string): Promise<DiskHealth | null> {
  const args = ['--json=c', '--info', '--health', '--attributes', devicePath];
  const answer = await askDisk('smartctl', args, { timeoutMs, maxBytes: maxReportBytes });
  // Its exit status is a bit mask, and not 0 for many a disk with a history.
  return answer === null ? null : parseSmartReport(answer.stdout.toString(), answer.status);
}
