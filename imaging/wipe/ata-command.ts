// Commands to an ATA disk, in SCSI's ATA PASS-THROUGH (16) (SAT-5, 12.2.3): the kernel's libata takes them apart, or the SAS adapter that the disk hangs on.

import { type DiskAnswer, type DiskCommand, sendCommand } from './send-command.ts';
import { type AtaRegisters, parseAtaRegisters, parseSense } from './sense.ts';

export type AtaCommand = {
  readonly command: number;
  readonly feature?: number;
  readonly count?: number;
  readonly lba?: bigint;
  /** Of the answer: none, or one block of 512. */
  readonly answerBytes?: 512;
  /** One block of 512. */
  readonly sent?: Buffer;
  /** 48-bit: all registers have two halves. */
  readonly extended?: true;
  readonly timeoutSeconds?: number;
};

const passThrough16 = 0x85;
const protocols = { nonData: 3, pioIn: 4, pioOut: 5 };
const flags = { wantRegisters: 0x20, fromDevice: 0x08, blocks: 0x04, lengthInCount: 0x02 };

/** The command as it goes to sg_raw. The registers are asked for where no data is: then the answer is in them. */
export function passThrough({
  command,
  feature = 0,
  count = 0,
  lba = 0n,
  answerBytes,
  sent,
  extended = undefined,
  timeoutSeconds,
}: AtaCommand): DiskCommand {
  const bytes = Buffer.alloc(16);
  const protocol =
    answerBytes !== undefined ? protocols.pioIn : sent === undefined ? protocols.nonData : protocols.pioOut;
  const transfer = flags.blocks | flags.lengthInCount;
  bytes.writeUInt8(passThrough16, 0);
  bytes.writeUInt8((protocol << 1) | (extended ? 1 : 0), 1);
  bytes.writeUInt8(
    answerBytes !== undefined ? transfer | flags.fromDevice : sent === undefined ? flags.wantRegisters : transfer,
    2,
  );
  bytes.writeUInt16BE(feature, 3);
  bytes.writeUInt16BE(answerBytes !== undefined || sent !== undefined ? 1 : count, 5);
  const byteOfLba = (index: number) => Number((lba >> BigInt(8 * index)) & 0xffn);
  for (const [i, at] of [8, 10, 12, 7, 9, 11].entries()) bytes.writeUInt8(byteOfLba(i), at);
  bytes.writeUInt8(command, 14);
  return {
    bytes,
    ...(answerBytes === undefined ? {} : { answerBytes }),
    ...(sent === undefined ? {} : { sent }),
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
  };
}

export type AtaAnswer = DiskAnswer & {
  /** Null when they were not told. */
  readonly registers: AtaRegisters | null;
};

/** @throws DeployError tool-missing */
export async function sendAtaCommand(devicePath: string, command: AtaCommand): Promise<AtaAnswer> {
  const answer = await sendCommand(devicePath, passThrough(command));
  return { ...answer, registers: parseAtaRegisters(answer.sense), ok: answer.ok || hasInformation(answer.sense) };
}

/** ATA PASS THROUGH INFORMATION AVAILABLE: registers that were asked for come as if there had been an error. */
function hasInformation(sense: Buffer): boolean {
  const { key, code, qualifier } = parseSense(sense) ?? {};
  return key === 1 && code === 0 && qualifier === 0x1d;
}
