// What an NVMe disk erases itself with: Sanitize where it has it, else Format NVM with a secure erase (NVM Express Base 1.4, 5.23, 5.24; Identify, 5.15).
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { nameEraseWay } from './erase-ways.ts';
import { type EraseState, eraseFailed, onOneLine, waitForErase } from './poll-erase.ts';
import type { EraseFacts, EraseRun } from './sanitizer.ts';
import { nvmeCommand, sendCommand } from './send-command.ts';

const opcodes = { getLogPage: 0x02, identify: 0x06, format: 0x80, sanitize: 0x84 };
const cns = { namespace: 0, controller: 1, activeNamespaces: 2 };
const sanitizeActions = { 'sanitize-block': 2, 'sanitize-overwrite': 3, 'sanitize-crypto': 4 } as const;
const sanitizeBits = { 'sanitize-block': 2, 'sanitize-overwrite': 4, 'sanitize-crypto': 1 } as const;
const allSanitizes = 7;
const exitFailureMode = 1;
/** A failed one may be left, to overwrite the disk from outside. */
const unrestrictedExit = 1 << 3;
const onePass = 1 << 4;
const secureErase = { 'format-user-data': 1, 'format-crypto': 2 } as const;
const sanitizeStatusLog = 0x81;
const allNamespaces = 0xffffffff;
/** Format NVM answers when it is done. */
const formatSeconds = 4 * 60 * 60;

type SanitizeWay = keyof typeof sanitizeActions;
type FormatWay = keyof typeof secureErase;

export type NvmeFacts = {
  readonly sanitizes: readonly SanitizeWay[];
  readonly formats: readonly FormatWay[];
  /** It would erase other namespaces, too: other disks. */
  readonly others: number;
  readonly namespace: number;
  /** Command Dword 10 of a format that leaves the namespace's blocks as they are, and erases nothing yet. */
  readonly formatDword: number;
};

/** @throws DeployError tool-missing */
export async function findNvmeSanitizers(devicePath: string, label: string): Promise<EraseFacts> {
  const facts = await readFacts(devicePath);
  if (typeof facts === 'string') return { sanitizers: [], hindrances: [facts] };
  const { sanitizes, formats, others } = facts;
  if (others > 0) {
    const text = `it is one of ${others + 1} namespaces of its disk, which erases itself only as a whole`;
    return { sanitizers: [], hindrances: [text] };
  }
  return {
    sanitizers: [
      ...sanitizes.map((way) => ({
        way,
        name: `NVMe ${nameEraseWay(way)}`,
        run: (run: EraseRun) => sanitizeDisk(devicePath, label, way, run),
      })),
      ...formats.map((way) => ({
        way,
        name: `NVMe ${nameEraseWay(way)}`,
        run: (run: EraseRun) => formatDisk(devicePath, label, { facts, way, run }),
      })),
    ],
    hindrances: [],
  };
}

/** Or why there are none, in words. */
async function readFacts(devicePath: string): Promise<NvmeFacts | string> {
  const namespace = Number(await readFile(`/sys/class/block/${basename(devicePath)}/nsid`, 'utf8').catch(() => '0'));
  if (!(namespace > 0)) return 'the kernel does not say which namespace it is';
  const answers: Buffer[] = [];
  for (const [what, of] of [
    [cns.controller, 0],
    [cns.namespace, namespace],
    [cns.activeNamespaces, 0],
  ] as const) {
    const { ok, data, said } = await sendCommand(devicePath, nvmeCommand(opcodes.identify, of, [what], 4096));
    if (!ok || data.length < 4096) return `it does not say what it can: ${onOneLine(said)}`;
    answers.push(data);
  }
  const [controller, data, active] = answers as [Buffer, Buffer, Buffer];
  return parseFacts(controller, data, active, namespace);
}

/** Of three answers to Identify: controller, namespace, list of active namespaces. */
export function parseFacts(controller: Buffer, data: Buffer, active: Buffer, namespace: number): NvmeFacts {
  const can = controller.readUInt32LE(328);
  const canFormat = (controller.readUInt16LE(256) & 2) !== 0;
  const formatCrypto = (controller.readUInt8(524) & 4) !== 0;
  const all = Array.from({ length: 1024 }, (_, i) => active.readUInt32LE(i * 4)).filter((id) => id !== 0);
  const [size, protection] = [data.readUInt8(26), data.readUInt8(29)];
  const formatDword =
    (size & 15) |
    (((size >> 4) & 1) << 4) |
    ((protection & 7) << 5) |
    (((protection >> 3) & 1) << 8) |
    (((size >> 5) & 3) << 12);
  return {
    sanitizes: (Object.keys(sanitizeBits) as SanitizeWay[]).filter((way) => (can & sanitizeBits[way]) !== 0),
    formats: canFormat ? [...(formatCrypto ? (['format-crypto'] as const) : []), 'format-user-data'] : [],
    ...{ others: all.filter((id) => id !== namespace).length, namespace, formatDword },
  };
}

/** Command Dword 10 of a format that erases this way. */
export function formatDwordOf({ formatDword }: Pick<NvmeFacts, 'formatDword'>, way: FormatWay): number {
  return formatDword | (secureErase[way] << 9);
}

async function formatDisk(
  devicePath: string,
  label: string,
  { facts, way, run }: { readonly facts: NvmeFacts; readonly way: FormatWay; readonly run: EraseRun },
): Promise<void> {
  const command = nvmeCommand(opcodes.format, facts.namespace, [formatDwordOf(facts, way)]);
  run.onBegin();
  const answer = await sendCommand(devicePath, { ...command, timeoutSeconds: formatSeconds });
  if (!answer.ok) throw eraseFailed(label, answer.said);
}

/** Command Dwords 10 and 11: an overwrite is one pass of zeros. */
export function sanitizeDwords(way: SanitizeWay): readonly number[] {
  const action = sanitizeActions[way] | unrestrictedExit;
  return way === 'sanitize-overwrite' ? [action | onePass, 0] : [action];
}

async function sanitizeDisk(devicePath: string, label: string, way: SanitizeWay, run: EraseRun): Promise<void> {
  run.onBegin();
  const begun = await sendCommand(devicePath, nvmeCommand(opcodes.sanitize, 0, sanitizeDwords(way)));
  if (!begun.ok) throw eraseFailed(label, begun.said);
  const look = async () => {
    const now = await readNvmeSanitize(devicePath);
    if (now?.state === 'failed') await sendCommand(devicePath, nvmeCommand(opcodes.sanitize, 0, [exitFailureMode]));
    return now;
  };
  await waitForErase(look, label, run);
}

/** Of a disk that has Sanitize: others note the question as an error of theirs. Null for those. @throws DeployError tool-missing */
export async function readNvmeSanitizeIfAny(devicePath: string): Promise<EraseState | null> {
  const { ok, data } = await sendCommand(devicePath, nvmeCommand(opcodes.identify, 0, [cns.controller], 4096));
  const has = ok && data.length >= 4096 && (data.readUInt32LE(328) & allSanitizes) !== 0;
  return has ? await readNvmeSanitize(devicePath) : null;
}

/** Null for a disk without the log page. @throws DeployError tool-missing */
async function readNvmeSanitize(devicePath: string): Promise<EraseState | null> {
  const dword = sanitizeStatusLog | ((512 / 4 - 1) << 16);
  const { ok, data } = await sendCommand(devicePath, nvmeCommand(opcodes.getLogPage, allNamespaces, [dword], 512));
  return ok && data.length >= 4 ? parseSanitizeStatus(data) : null;
}

/** The Sanitize Status log page (5.14.1.16.2): SPROG and SSTAT. `failed` is also what a disk says that was never told to. */
export function parseSanitizeStatus(log: Buffer): EraseState {
  const status = log.readUInt16LE(2) & 7;
  if (status === 2) return { state: 'running', fraction: log.readUInt16LE(0) / 65_536 };
  return { state: status === 1 || status === 4 ? 'done' : 'failed', fraction: 1 };
}
