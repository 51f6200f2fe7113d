// What an ATA disk erases itself with first of all: SANITIZE DEVICE (ACS-4, 4.17 and 7.36). It goes on after a power cut, until it is done.
import { type AtaCommand, sendAtaCommand } from './ata-command.ts';
import type { AtaFacts } from './ata-identify.ts';
import { nameEraseWay } from './erase-ways.ts';
import { type EraseState, eraseFailed, waitForErase } from './poll-erase.ts';
import type { EraseFacts, EraseRun } from './sanitizer.ts';
import type { AtaRegisters } from './sense.ts';

const sanitizeDevice = 0xb4;
/** A failed one may be left, to overwrite the disk from outside: else it would be good for nothing but another sanitize. */
const failureMode = 0x10;
const onePass = 1;
const clearFailure = 1;

/** Feature and LBA of each action; the LBA is its name in letters, so that nothing is erased by accident. */
const actions = {
  'sanitize-block': { feature: 0x12, lba: 0x426b4572n, count: failureMode },
  'sanitize-overwrite': { feature: 0x14, lba: 0x4f57n << 32n, count: failureMode | onePass },
  'sanitize-crypto': { feature: 0x11, lba: 0x43727970n, count: failureMode },
} as const;
type Way = keyof typeof actions;
const capabilities = {
  'sanitize-block': 'block',
  'sanitize-overwrite': 'overwrite',
  'sanitize-crypto': 'crypto',
} as const;

export function sanitizeCommand(way: Way): AtaCommand {
  return { command: sanitizeDevice, extended: true, ...actions[way] };
}

const status: AtaCommand = { command: sanitizeDevice, extended: true };
const bits = { succeeded: 0x8000, running: 0x4000, frozen: 0x2000 };

/** What a disk says for the progress when none runs. */
const noProgress = 0xffff;

/** Of a count whose upper half is not told, only whether it has one: what runs is known by its progress then, and `frozen` not at all. */
export function parseSanitizeRegisters({ count, countHasUpper, lba }: AtaRegisters): EraseState & { frozen: boolean } {
  const progress = lba & 0xffff;
  const has = (bit: number) => ((count ?? 0) & bit) !== 0;
  const runs = count === null ? progress !== noProgress : has(bits.running);
  const succeeded = count === null ? countHasUpper : has(bits.succeeded);
  if (runs) return { state: 'running', fraction: progress / 65_536, frozen: has(bits.frozen) };
  return { state: succeeded ? 'done' : 'failed', fraction: 1, frozen: has(bits.frozen) };
}

/** Null when it did not answer as one that has Sanitize. `failed` is also what one says that has never been told to. */
export async function readAtaSanitize(devicePath: string): Promise<ReturnType<typeof parseSanitizeRegisters> | null> {
  const { ok, registers } = await sendAtaCommand(devicePath, status);
  return ok && registers !== null ? parseSanitizeRegisters(registers) : null;
}

/** The ways of one whose facts name them, and why they cannot be used. */
export async function findAtaSanitizers(
  devicePath: string,
  label: string,
  { sanitize }: AtaFacts,
): Promise<EraseFacts> {
  const ways = (Object.keys(actions) as Way[]).filter((way) => sanitize[capabilities[way]]);
  if (ways.length === 0) return { sanitizers: [], hindrances: [] };
  const now = await readAtaSanitize(devicePath);
  if (now === null) {
    return { sanitizers: [], hindrances: ['its controller does not pass on what the disk says of its Sanitize'] };
  }
  if (now.frozen) {
    return {
      sanitizers: [],
      hindrances: ['its Sanitize has been frozen: that lasts until the disk is switched off and on'],
    };
  }
  const sanitizers = ways.map((way) => ({
    way,
    name: `ATA ${nameEraseWay(way)}`,
    run: (run: EraseRun) => sanitizeDisk(devicePath, label, way, run),
  }));
  return { sanitizers, hindrances: [] };
}

const reasons: Readonly<Record<number, string>> = {
  1: 'a sanitize of before failed, and it takes no other',
  2: 'it does not know this action',
  3: 'it is frozen',
};

async function sanitizeDisk(devicePath: string, label: string, way: Way, run: EraseRun): Promise<void> {
  run.onBegin();
  const begun = await sendAtaCommand(devicePath, sanitizeCommand(way));
  if (!begun.ok) {
    const reason = begun.registers === null ? undefined : reasons[begun.registers.lba & 0xff];
    throw eraseFailed(label, reason ?? begun.said);
  }
  const look = async () => {
    const now = await readAtaSanitize(devicePath);
    if (now?.state === 'failed') await sendAtaCommand(devicePath, { ...status, count: clearFailure });
    return now;
  };
  await waitForErase(look, label, run);
}
