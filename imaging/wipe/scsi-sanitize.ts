// What a SCSI or SAS disk erases itself with: SANITIZE (SBC-4, 5.30), where REPORT SUPPORTED OPERATION CODES (SPC-5, 6.34) names it.
import { DeployError } from '../../protocol/errors.ts';
import type { Sanitizer } from './sanitizer.ts';
import { sendCommand } from './send-command.ts';

const sanitize = 0x48;
const actions = { 'block erase': 0x02, 'cryptographic erase': 0x03 } as const;
/** It answers when it is done. */
const patienceSeconds = 24 * 60 * 60;

/** @throws DeployError wipe-unsupported */
export async function findScsiSanitizer(devicePath: string, label: string): Promise<Sanitizer> {
  for (const [name, action] of Object.entries(actions)) {
    const answer = await sendCommand(devicePath, { bytes: supportCommand(action), answerBytes: 512 });
    if (!answer.ok || !isSupported(answer.data)) continue;
    return { name: `SCSI Sanitize (${name})`, run: () => sanitizeDisk(devicePath, label, action) };
  }
  throw new DeployError('wipe-unsupported', `${label} does not say that it has SCSI Sanitize`, {
    hint: 'Use --method discard or overwrite. Sanitize and secure erase of ATA disks are not used: hdparm and firmware have them.',
  });
}

/** One command with its service action. */
export function supportCommand(action: number): Buffer {
  return Buffer.from([0xa3, 0x0c, 0x03, sanitize, 0, action, 0, 0, 2, 0, 0, 0]);
}

/** SUPPORT: as the standard says it. */
export function isSupported(answer: Buffer): boolean {
  return answer.length >= 4 && (answer.readUInt8(1) & 7) === 3;
}

async function sanitizeDisk(devicePath: string, label: string, action: number): Promise<void> {
  const bytes = Buffer.from([sanitize, action, 0, 0, 0, 0, 0, 0, 0, 0]);
  const { ok, said } = await sendCommand(devicePath, { bytes, timeoutSeconds: patienceSeconds });
  if (!ok)
    throw new DeployError('target-write', `${label} did not erase itself: ${said.slice(-300) || 'no reason given'}`);
}
