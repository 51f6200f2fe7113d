// Asks a disk whether it is a locked self-encrypting one: TCG's Level 0 Discovery (Storage Architecture Core Specification 2.01, 3.3.6; Opal SSC 2.02, 3.1.1).
import { askDisk } from './ask-disk.ts';
import type { LockState } from './disk.ts';

const timeoutMs = 10_000;
const pageBytes = 2048;
const headerBytes = 48;
const lockingFeature = 0x0002;
const bits = { supported: 0x01, enabled: 0x02, locked: 0x04, mbrEnabled: 0x10, mbrDone: 0x20 };

/** SECURITY PROTOCOL IN, protocol 1, ComID 1, 2048 bytes (SPC-4, 6.40). Over ATA the kernel makes TRUSTED RECEIVE of it. */
const scsiCommand = 'a2 01 00 01 00 00 00 00 08 00 00 00'.split(' ');
/** The same as an admin command: Security Receive (NVM Express 1.4, 5.25). sg_raw(8) puts its buffer where `fe` stands. */
const nvmeCommand = [
  ...'82 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00'.split(' '),
  ...'00 00 00 00 00 00 00 00 fe ff ff ff ff ff ff ff'.split(' '),
  ...'00 00 00 00 fe ff ff ff 00 01 00 01 00 08 00 00'.split(' '),
  ...'00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00'.split(' '),
];

/** sg3_utils(8), EXIT STATUS: the disk calls the command or what it asks for unknown; NVMe has a status of its own. */
const illegalRequest = [5, 9];
const nvmeStatus = 48;

/** Null where there is no `sg_raw`, no answer, or a device of another kind. Nothing on the disk changes. */
export async function askOpal(devicePath: string): Promise<LockState | null> {
  const command = /\/sd[a-z]+$/.test(devicePath) ? scsiCommand : /\/nvme\d+n\d+$/.test(devicePath) ? nvmeCommand : null;
  if (command === null) return null;
  const seconds = `--timeout=${timeoutMs / 2000}`;
  const args = ['--readonly', seconds, `--request=${pageBytes}`, '--outfile=-', devicePath, ...command];
  const answer = await askDisk('sg_raw', args, { timeoutMs, maxBytes: 65_536 });
  return answer === null ? null : judgeAnswer(answer.status, answer.stdout, answer.stderr);
}

/** `status` is sg_raw's; `said` what it printed on stderr. */
export function judgeAnswer(status: number, page: Uint8Array, said: string): LockState | null {
  if (status === 0) return parseLevel0(page);
  if (illegalRequest.includes(status)) return 'none';
  return status === nvmeStatus && /^NVMe Status: .*\[0x1\]$/m.test(said) ? 'none' : null;
}

/**
 * What the page says of the disk's lock: `none` without a Locking feature, null when it is no such page. A disk that shows its shadow MBR is
 * locked too: what can be read at its start is not its content.
 */
export function parseLevel0(bytes: Uint8Array): LockState | null {
  const page = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (page.length < headerBytes) return null;
  const wholeBytes = 4 + page.readUInt32BE(0);
  if (wholeBytes < headerBytes) return null;
  const end = Math.min(wholeBytes, page.length);
  let at = headerBytes;
  while (at + 4 <= end) {
    const next = at + 4 + page.readUInt8(at + 3);
    if (next > end) return null;
    if (page.readUInt16BE(at) === lockingFeature) return next === at + 4 ? null : judgeLocking(page.readUInt8(at + 4));
    at = next;
  }
  // Of a page that is longer than what was asked for, the rest may have it.
  return wholeBytes > page.length ? null : 'none';
}

function judgeLocking(flags: number): LockState {
  const has = (bit: number) => (flags & bit) !== 0;
  if (!has(bits.supported)) return 'none';
  if (!has(bits.enabled)) return 'off';
  return has(bits.locked) || (has(bits.mbrEnabled) && !has(bits.mbrDone)) ? 'locked' : 'open';
}
