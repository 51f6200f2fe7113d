// Reads the kernel's log as it grows, and tells of it what matters.
import { closeSync } from 'node:fs';
import { maxRecordBytes, openKernelLog, readRecord } from '../../imaging/blockdev/kernel-log.ts';
import type { Log } from '../screen/status.ts';
import { KernelLines } from './kernel-lines.ts';

const everyMs = 1000;
/** At one look: a kernel that says more than this each second is not read to the end. */
const recordsAtOnce = 2000;

/** What the kernel says from now on; returns what ends it. Where its log cannot be read (not root) there is nothing to watch. */
export function watchKernel(log: Log): () => void {
  let descriptor: number;
  try {
    descriptor = openKernelLog();
  } catch (thrown) {
    log('warning', `the kernel's log cannot be read: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    return () => {};
  }
  const buffer = Buffer.alloc(maxRecordBytes);
  // What it said before is not about a job.
  while (readRecord(descriptor, buffer) !== 'end');
  const lines = new KernelLines(log);
  const look = () => {
    const nowMs = performance.now();
    for (let i = 0; i < recordsAtOnce; i++) {
      const length = readRecord(descriptor, buffer);
      if (length === 'end') break;
      if (length !== 'lost') lines.take(messageOf(buffer.toString('utf8', 0, length)), nowMs);
    }
    lines.tick(nowMs);
  };
  const end = () => {
    clearInterval(timer);
    closeSync(descriptor);
  };
  const timer = setInterval(() => {
    try {
      look();
    } catch (thrown) {
      end();
      log('warning', `the kernel's log cannot be read any more: ${String(thrown)}`);
    }
  }, everyMs);
  timer.unref();
  return end;
}

/** `6,339,5140900,-;message`, and properties on lines of their own. */
function messageOf(record: string): string {
  const [line = ''] = record.split('\n', 1);
  return line.slice(line.indexOf(';') + 1);
}
