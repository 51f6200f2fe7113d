// The kernel's log, record by record (/dev/kmsg, Linux Documentation/ABI/testing/dev-kmsg); and what it has said of ATA disks since it started: some of that stands nowhere in sysfs.
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../chunk/device-io.ts';

/** Where a recorded tree has it: the device there is that of another machine. */
export const ataLogFile = 'run/deploy-os/ata-log';

/** A record is no longer than this: the kernel's PRINTK_MESSAGE_MAX is 2048, and its header and properties come on top. */
export const maxRecordBytes = 8192;
const maxRecords = 200_000;
/** `6,339,5140900,-;ata3.00: …`: level, sequence number, time, flags, message. */
const ataRecord = /^\d+,\d+,\d+,[^;]*;ata\d+\.\d+: /;

/**
 * Below `/` or a recorded tree: the head of the first record that the kernel still has, then each record that is about an ATA disk, a line
 * each. Null where it cannot be told: not root, or another machine's tree that was recorded without.
 */
export async function readAtaLog(root: string): Promise<string | null> {
  if (root !== '/') return await readFile(join(root, ataLogFile), 'latin1').catch(() => null);
  try {
    return readRecords(openKernelLog());
  } catch {
    return null;
  }
}

/** From the first record that the kernel still has. Throws where that is not allowed. */
export function openKernelLog(): number {
  return openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK);
}

/** Each read gives one record; it fails with EAGAIN after the last, and with EPIPE when older ones were overwritten meanwhile. */
function readRecords(descriptor: number): string | null {
  const buffer = Buffer.alloc(maxRecordBytes);
  let lines: string[] = [];
  try {
    for (let i = 0; i < maxRecords; i++) {
      const length = readRecord(descriptor, buffer);
      if (length === 'end') return lines.join('\n');
      if (length === 'lost') {
        lines = [];
        continue;
      }
      const [record = ''] = buffer.toString('latin1', 0, length).split('\n', 1);
      if (lines.length === 0) lines.push(record.slice(0, record.indexOf(';') + 1));
      if (ataRecord.test(record)) lines.push(record);
    }
    return null;
  } finally {
    closeSync(descriptor);
  }
}

/** The length of the next record in `buffer`; `end` when there is none yet, `lost` when some were overwritten before they were read. */
export function readRecord(descriptor: number, buffer: Buffer): number | 'end' | 'lost' {
  try {
    return readSync(descriptor, buffer);
  } catch (thrown) {
    if (errnoOf(thrown) === 'EAGAIN') return 'end';
    if (errnoOf(thrown) === 'EPIPE') return 'lost';
    throw thrown;
  }
}
