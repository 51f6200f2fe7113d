// Fifth stage: how many worker threads a job gets, by the memory that is left beside the Deploy-OS itself.
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';

const mebibyte = 1024 * 1024;
/** The agent's own heap, its TLS connections, and the chunks on their way through it. */
const reservedBytes = 96 * mebibyte;
/** One thread: its JavaScript heap, six chunk buffers of 1 MiB, zstd's tables, and what V8 has not swept yet; about 50 MiB were measured in a guest of 512 MiB. */
const perWorkerBytes = 64 * mebibyte;

/** As many as there are processors, fewer when memory is short, at least one. */
export function chooseWorkers(availableBytes: number, processors: number = availableParallelism()): number {
  const fitting = Math.floor((availableBytes - reservedBytes) / perWorkerBytes);
  return Math.max(1, Math.min(fitting, processors, 16));
}

/** MemAvailable of /proc/meminfo: the unpacked initramfs is in memory too and does not count as available. */
export async function readAvailableMemory(): Promise<number> {
  const kibibytes = /^MemAvailable:\s+(\d+) kB$/m.exec(await readFile('/proc/meminfo', 'utf8'))?.[1];
  return Number(kibibytes ?? 0) * 1024;
}
