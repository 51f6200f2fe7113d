// Which lines of the kernel's log an administrator must see: what goes wrong with disks, links, memory and processors while a job runs.
import type { Log, LogLevel } from '../screen/status.ts';

type Sign = { readonly level: LogLevel; readonly pattern: RegExp };

/** As the kernel of the Deploy-OS (6.12) words them; the first that fits counts. docs/troubleshooting.md says what to do about each. */
export const signs: readonly Sign[] = [
  { level: 'error', pattern: /^(blk_update_request: )?(I\/O|critical \w+( \w+)?) error, dev \S+, sector / },
  { level: 'error', pattern: /rejecting I\/O to (offline|dead) device/ },
  { level: 'error', pattern: /Out of memory: Killed process|^Memory cgroup out of memory|invoked oom-killer/ },
  {
    level: 'error',
    pattern: /soft lockup|hard LOCKUP|^BUG: |^rcu: INFO: .*(stall|detected)|^general protection fault/,
  },
  { level: 'error', pattern: /^(Oops|Kernel panic)|Disk failure on \S+, disabling device/ },
  { level: 'warning', pattern: /^INFO: task \S+ blocked for more than \d+ seconds/ },
  { level: 'warning', pattern: /\[Hardware Error\]|^mce: |^EDAC \S+: \d+ [CU]E |: AER: .*error/i },
  { level: 'warning', pattern: /temperature (is )?above threshold/i },
  {
    level: 'warning',
    pattern: /^ata\d+(\.\d+)?: (exception |failed command|hard resetting link|COMRESET failed|limiting |disable)/,
  },
  {
    level: 'warning',
    pattern: /^nvme \S+: (I\/O .*timeout|controller is down|Device not ready|Disabling device|resetting)/i,
  },
  { level: 'warning', pattern: /^device-mapper: multipath: \S+: (Failing|Reinstating) path / },
  {
    level: 'warning',
    pattern: /^(sd|scsi) \S+ .*(Medium Error|Hardware Error|timing out command|Synchronize Cache.* failed)/,
  },
  { level: 'warning', pattern: /^usb \S+: (USB disconnect|reset \S+ USB device)/ },
  { level: 'warning', pattern: /\b(NIC )?link (is )?down\b/i },
  { level: 'warning', pattern: /: \(slave \S+\): link status definitely down/ },
  { level: 'info', pattern: /\b(NIC )?link (is )?up\b/i },
  { level: 'info', pattern: /: \(slave \S+\): link status definitely up/ },
];

/** Null for a line that nobody needs to see. */
export function judgeKernelLine(message: string): LogLevel | null {
  return signs.find(({ pattern }) => pattern.test(message))?.level ?? null;
}

/** Lines that differ in their numbers only: so many are told, and then their count. */
const toldAtOnce = 5;
/** Of more kinds at a time the last is all those that are left. */
const maxKinds = 100;
const windowMs = 60_000;

type Kind = { sinceMs: number; told: number; more: number; last: string };

/** Tells what matters, and does not drown a job's log when a dying disk fills the kernel's. */
export class KernelLines {
  readonly #log: Log;
  readonly #kinds = new Map<string, Kind>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** `message` of the kernel's, without its time. */
  take(message: string, nowMs: number): void {
    const level = judgeKernelLine(message);
    if (level === null) return;
    const alike = message.replaceAll(/0x[0-9a-f]+|\d+/gi, '#');
    const key = this.#kinds.has(alike) || this.#kinds.size < maxKinds ? alike : '';
    let kind = this.#kinds.get(key);
    if (kind === undefined) {
      kind = { sinceMs: nowMs, told: 0, more: 0, last: message };
      this.#kinds.set(key, kind);
    }
    kind.last = message;
    if (kind.told < toldAtOnce) {
      kind.told++;
      this.#log(level, `kernel: ${message}`);
    } else kind.more++;
  }

  /** To be called now and then: tells how many were held back, and forgets what has not come again. */
  tick(nowMs: number): void {
    for (const [key, { sinceMs, more, last }] of this.#kinds) {
      if (nowMs - sinceMs < windowMs) continue;
      this.#kinds.delete(key);
      if (more > 0) this.#log(judgeKernelLine(last) ?? 'info', `kernel: ${more} more such lines, the last: ${last}`);
    }
  }
}
