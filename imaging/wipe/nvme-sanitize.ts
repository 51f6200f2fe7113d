// What an NVMe disk erases itself with: Sanitize where it has it, else Format NVM with a secure erase (NVM Express Base 1.4, 5.23, 5.24; Identify, 5.15).
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { DeployError } from '../../protocol/errors.ts';
import type { Sanitizer } from './sanitizer.ts';
import { nvmeCommand, sendCommand } from './send-command.ts';

const opcodes = { getLogPage: 0x02, identify: 0x06, format: 0x80, sanitize: 0x84 };
const cns = { namespace: 0, controller: 1, activeNamespaces: 2 };
const sanitizeActions = { blockErase: 2, cryptoErase: 4 };
const secureErase = { userData: 1, crypto: 2 };
const sanitizeStatusLog = 0x81;
const allNamespaces = 0xffffffff;
const pollMs = 2000;
/** Format NVM answers when it is done. */
const formatSeconds = 4 * 60 * 60;

export type NvmeFacts = {
  readonly sanitize: 'block erase' | 'cryptographic erase' | null;
  readonly format: 'user data erase' | 'cryptographic erase' | null;
  /** It would erase other namespaces, too: other disks. */
  readonly others: number;
  readonly namespace: number;
  /** Command Dword 10 of a format that leaves the namespace's blocks as they are. */
  readonly formatDword: number;
};

/** @throws DeployError wipe-unsupported */
export async function findNvmeSanitizer(devicePath: string, label: string): Promise<Sanitizer> {
  const facts = await readFacts(devicePath, label);
  const { sanitize, format, others } = facts;
  if (others > 0) {
    throw unsupported(`${label} is one of ${others + 1} namespaces of its disk, which erases itself only as a whole`);
  }
  if (sanitize !== null) {
    return {
      name: `NVMe Sanitize (${sanitize})`,
      run: (options) => sanitizeDisk(devicePath, label, sanitize, options),
    };
  }
  if (format !== null) return { name: `NVMe Format (${format})`, run: () => formatDisk(devicePath, label, facts) };
  throw unsupported(`${label} has neither Sanitize nor Format NVM`);
}

function unsupported(message: string): DeployError {
  return new DeployError('wipe-unsupported', message, { hint: 'Use --method discard or overwrite.' });
}

async function readFacts(devicePath: string, label: string): Promise<NvmeFacts> {
  const namespace = Number(await readFile(`/sys/class/block/${basename(devicePath)}/nsid`, 'utf8').catch(() => '0'));
  const identify = async (what: number, of: number) => {
    const answer = await sendCommand(devicePath, nvmeCommand(opcodes.identify, of, [what], 4096));
    if (answer.ok && answer.data.length >= 4096) return answer.data;
    throw unsupported(`${label} does not say what it can: ${answer.said.slice(-200) || 'no answer'}`);
  };
  if (!(namespace > 0)) throw unsupported(`${label}: the kernel does not say which namespace it is`);
  return parseFacts(
    await identify(cns.controller, 0),
    await identify(cns.namespace, namespace),
    await identify(cns.activeNamespaces, 0),
    namespace,
  );
}

/** Of three answers to Identify: controller, namespace, list of active namespaces. */
export function parseFacts(controller: Buffer, data: Buffer, active: Buffer, namespace: number): NvmeFacts {
  const can = controller.readUInt32LE(328);
  const canFormat = (controller.readUInt16LE(256) & 2) !== 0;
  const formatCrypto = (controller.readUInt8(524) & 4) !== 0;
  const all = Array.from({ length: 1024 }, (_, i) => active.readUInt32LE(i * 4)).filter((id) => id !== 0);
  const format = canFormat ? (formatCrypto ? 'cryptographic erase' : 'user data erase') : null;
  const [size, protection] = [data.readUInt8(26), data.readUInt8(29)];
  const erase = format === 'cryptographic erase' ? secureErase.crypto : secureErase.userData;
  const formatDword =
    (size & 15) |
    (((size >> 4) & 1) << 4) |
    ((protection & 7) << 5) |
    (((protection >> 3) & 1) << 8) |
    (erase << 9) |
    (((size >> 5) & 3) << 12);
  return {
    sanitize: (can & 2) !== 0 ? 'block erase' : (can & 1) !== 0 ? 'cryptographic erase' : null,
    ...{ format, others: all.filter((id) => id !== namespace).length, namespace, formatDword },
  };
}

async function formatDisk(devicePath: string, label: string, { namespace, formatDword }: NvmeFacts): Promise<void> {
  const command = nvmeCommand(opcodes.format, namespace, [formatDword]);
  const answer = await sendCommand(devicePath, { ...command, timeoutSeconds: formatSeconds });
  if (!answer.ok) throw failed(label, answer.said);
}

async function sanitizeDisk(
  devicePath: string,
  label: string,
  how: NonNullable<NvmeFacts['sanitize']>,
  { onProgress }: Parameters<Sanitizer['run']>[0],
): Promise<void> {
  const action = how === 'block erase' ? sanitizeActions.blockErase : sanitizeActions.cryptoErase;
  const begun = await sendCommand(devicePath, nvmeCommand(opcodes.sanitize, 0, [action]));
  if (!begun.ok) throw failed(label, begun.said);
  for (;;) {
    await setTimeout(pollMs);
    const dword = sanitizeStatusLog | ((512 / 4 - 1) << 16);
    const { ok, data, said } = await sendCommand(
      devicePath,
      nvmeCommand(opcodes.getLogPage, allNamespaces, [dword], 512),
    );
    if (!ok || data.length < 4) throw failed(label, said);
    const { state, fraction } = parseSanitizeStatus(data);
    onProgress(fraction);
    if (state === 'done') return;
    if (state === 'failed') throw failed(label, 'its status log says that it failed');
  }
}

/** The Sanitize Status log page (5.14.1.16.2): SPROG and SSTAT. */
export function parseSanitizeStatus(log: Buffer): { state: 'running' | 'done' | 'failed'; fraction: number } {
  const status = log.readUInt16LE(2) & 7;
  if (status === 2) return { state: 'running', fraction: log.readUInt16LE(0) / 65_536 };
  return { state: status === 1 || status === 4 ? 'done' : 'failed', fraction: 1 };
}

function failed(label: string, said: string): DeployError {
  return new DeployError('target-write', `${label} did not erase itself: ${said.slice(-300) || 'no reason given'}`, {
    hint: 'Use --method overwrite.',
  });
}
