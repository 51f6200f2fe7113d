// What a SCSI or SAS disk erases itself with: SANITIZE (SBC-4, 5.30), where REPORT SUPPORTED OPERATION CODES (SPC-5, 6.34) names it. It goes on after a power cut.
import { nameEraseWay } from './erase-ways.ts';
import { type EraseState, eraseFailed, waitForErase } from './poll-erase.ts';
import type { EraseRun, Sanitizer } from './sanitizer.ts';
import { type DiskCommand, sendCommand } from './send-command.ts';
import { parseSense } from './sense.ts';

const sanitize = 0x48;
const actions = { 'sanitize-block': 0x02, 'sanitize-overwrite': 0x01, 'sanitize-crypto': 0x03 } as const;
const exitFailureMode = 0x1f;
/** It answers at once; and a failed one may be left, to overwrite the disk from outside. */
const flags = { immediate: 0x80, unrestrictedExit: 0x20 };
type Way = keyof typeof actions;

/** The ways that it names. @throws DeployError tool-missing */
export async function findScsiSanitizers(devicePath: string, label: string): Promise<Sanitizer[]> {
  const found: Sanitizer[] = [];
  for (const way of Object.keys(actions) as Way[]) {
    const answer = await sendCommand(devicePath, { bytes: supportCommand(actions[way]), answerBytes: 512 });
    if (!answer.ok || !isSupported(answer.data)) continue;
    found.push({ way, name: `SCSI ${nameEraseWay(way)}`, run: (run) => sanitizeDisk(devicePath, label, way, run) });
  }
  return found;
}

/** One command with its service action. */
export function supportCommand(action: number): Buffer {
  return Buffer.from([0xa3, 0x0c, 0x03, sanitize, 0, action, 0, 0, 2, 0, 0, 0]);
}

/** SUPPORT: as the standard says it. */
export function isSupported(answer: Buffer): boolean {
  return answer.length >= 4 && (answer.readUInt8(1) & 7) === 3;
}

/** An overwrite brings its pattern: one pass of four zeros, over and over (SBC-4, table 115). */
export function sanitizeCommand(way: Way): DiskCommand {
  const sent = way === 'sanitize-overwrite' ? Buffer.from([1, 0, 0, 4, 0, 0, 0, 0]) : undefined;
  const head = [sanitize, flags.immediate | flags.unrestrictedExit | actions[way]];
  const bytes = Buffer.from([...head, 0, 0, 0, 0, 0, 0, sent?.length ?? 0, 0]);
  return { bytes, ...(sent === undefined ? {} : { sent }) };
}

const requestSense = { bytes: Buffer.from([0x03, 0, 0, 0, 0xfc, 0]), answerBytes: 252 };
const senseKeys = { none: 0, notReady: 2, mediumError: 3 };

/** Of what REQUEST SENSE gives; null for what says nothing of a sanitize. */
export function parseSanitizeSense(data: Buffer): EraseState | null {
  const sense = parseSense(data);
  if (sense === null) return null;
  const { key, code, qualifier, fraction } = sense;
  if (key === senseKeys.notReady && code === 0x04 && qualifier === 0x1b)
    return { state: 'running', fraction: fraction ?? 0 };
  if (key === senseKeys.mediumError && code === 0x31 && qualifier === 0x03) return { state: 'failed', fraction: 1 };
  return key === senseKeys.none ? { state: 'done', fraction: 1 } : null;
}

/** Null when it did not say. @throws DeployError tool-missing */
export async function readScsiSanitize(devicePath: string): Promise<EraseState | null> {
  const { ok, data } = await sendCommand(devicePath, requestSense);
  return ok ? parseSanitizeSense(data) : null;
}

async function sanitizeDisk(devicePath: string, label: string, way: Way, run: EraseRun): Promise<void> {
  run.onBegin();
  const begun = await sendCommand(devicePath, sanitizeCommand(way));
  if (!begun.ok) throw eraseFailed(label, begun.said);
  const look = async () => {
    const now = await readScsiSanitize(devicePath);
    if (now?.state === 'failed')
      await sendCommand(devicePath, { bytes: Buffer.from([sanitize, exitFailureMode, 0, 0, 0, 0, 0, 0, 0, 0]) });
    return now;
  };
  await waitForErase(look, label, run);
}
