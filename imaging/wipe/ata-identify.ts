// What an ATA disk says of erasing itself, and whether it is frozen or locked: IDENTIFY DEVICE (ACS-4, 7.13.6, words 59, 82, 85, 89, 90, 128).
import { sendAtaCommand } from './ata-command.ts';
import type { DiskAnswer } from './send-command.ts';

const identifyDevice = 0xec;

export type AtaFacts = {
  readonly sanitize: { readonly block: boolean; readonly overwrite: boolean; readonly crypto: boolean };
  /** Null: it has no Security feature set. */
  readonly security: {
    readonly enabled: boolean;
    readonly locked: boolean;
    readonly frozen: boolean;
    /** Too many wrong passwords: it takes none before it has been switched off. */
    readonly expired: boolean;
    readonly enhanced: boolean;
    /** What a normal and an enhanced erase take, as the disk estimates; null when it does not say. */
    readonly normalMinutes: number | null;
    readonly enhancedMinutes: number | null;
  } | null;
};

/** Null for what is no answer of an ATA disk: too short, a packet device, a checksum that is wrong. */
export function parseIdentify(data: Buffer): AtaFacts | null {
  if (data.length < 512) return null;
  const word = (at: number) => data.readUInt16LE(at * 2);
  // Word 0: ATA. Word 255: where its signature stands, all bytes add up to nothing.
  if ((word(0) & 0x8000) !== 0 || data.subarray(0, 512).every((byte) => byte === 0)) return null;
  if ((word(255) & 0xff) === 0xa5 && data.subarray(0, 512).reduce((sum, byte) => (sum + byte) & 0xff, 0) !== 0)
    return null;
  const sanitize = word(59);
  const has = (bit: number) => (sanitize & (1 << bit)) !== 0;
  const all = has(12);
  const security = word(128);
  const is = (bit: number) => (security & (1 << bit)) !== 0;
  return {
    sanitize: { block: all && has(15), overwrite: all && has(14), crypto: all && has(13) },
    security: is(0)
      ? {
          ...{ enabled: is(1), locked: is(2), frozen: is(3), expired: is(4), enhanced: is(5) },
          normalMinutes: readMinutes(word(89)),
          enhancedMinutes: readMinutes(word(90)),
        }
      : null,
  };
}

/** In steps of two minutes; the highest value is `or more`. */
function readMinutes(word: number): number | null {
  const steps = (word & 0x8000) !== 0 ? word & 0x7fff : word & 0xff;
  return steps === 0 ? null : steps * 2;
}

/** Null for a disk that is none of ATA's, or does not answer. @throws DeployError tool-missing */
export async function identifyAta(devicePath: string): Promise<AtaFacts | null> {
  const answer: DiskAnswer = await sendAtaCommand(devicePath, { command: identifyDevice, answerBytes: 512 });
  return answer.ok ? parseIdentify(answer.data) : null;
}
