// Fifth stage, step `check`: asks a disk, or all that an array or a LUN is made of, for its own health, by Debian's smartctl where it is there.
import { execFile } from 'node:child_process';
import type { Disk } from '../../imaging/blockdev/disk.ts';
import { throwIfCancelled } from '../../imaging/cancelled.ts';
import type { DiskHealth } from '../../protocol/disk-check.ts';
import { parseSmartReport, worstOf } from './smart-report.ts';

/** A disk that hangs may hang the program that asks it, beyond the reach of signals: then it is left behind. */
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

function askDevice(devicePath: string): Promise<DiskHealth | null> {
  const { promise, resolve } = Promise.withResolvers<DiskHealth | null>();
  const child = execFile(
    'smartctl',
    ['--json=c', '--info', '--health', '--attributes', devicePath],
    {
      env: { ...process.env, LC_ALL: 'C', PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` },
      ...{ encoding: 'utf8', maxBuffer: maxReportBytes, timeout: timeoutMs, killSignal: 'SIGKILL' },
    },
    // Its exit status is a bit mask, and not 0 for many a disk with a history; `code` is a word when it could not be started.
    (error, stdout) => resolve(judge(error === null ? 0 : error.code, stdout)),
  );
  const timer = setTimeout(() => {
    child.unref();
    resolve(null);
  }, timeoutMs + 1000);
  return promise.finally(() => clearTimeout(timer));
}

function judge(status: unknown, stdout: string): DiskHealth | null {
  return typeof status === 'number' ? parseSmartReport(stdout, status) : null;
}
