// Commands to a disk's own firmware, past the kernel's block layer, by sg_raw(8): SCSI's, and NVMe's admin commands.
import { DeployError } from '../../protocol/errors.ts';
import { askDisk } from '../blockdev/ask-disk.ts';

export type DiskAnswer = { readonly ok: boolean; readonly data: Buffer; readonly said: string };

type Command = {
  readonly bytes: Buffer;
  /** Of the answer; 0 for a command without one. */
  readonly answerBytes?: number;
  readonly timeoutSeconds?: number;
};

/** What the disk answered, whether or not it took the command. @throws tool-missing; target-vanished when nothing came within the time */
export async function sendCommand(
  devicePath: string,
  { bytes, answerBytes = 0, timeoutSeconds = 20 }: Command,
): Promise<DiskAnswer> {
  const request = answerBytes === 0 ? [] : [`--request=${answerBytes}`, '--outfile=-'];
  const words = [...bytes].map((byte) => byte.toString(16).padStart(2, '0'));
  const answer = await askDisk('sg_raw', [`--timeout=${timeoutSeconds}`, ...request, devicePath, ...words], {
    timeoutMs: (timeoutSeconds + 10) * 1000,
    maxBytes: 65_536,
  });
  if (answer === null)
    throw new DeployError(
      'tool-missing',
      `${devicePath} cannot be asked by sg_raw: it is not there, or nothing answered`,
    );
  return { ok: answer.status === 0, data: answer.stdout, said: answer.stderr.trim() };
}

/** What stands in place of the address of sg_raw's buffer, and of its length. */
const bufferAddress = 0xfffffffffffffffen;
const bufferLength = 0xfffffffe;

/** A command of 64 bytes (NVM Express Base 1.4, 4.2): opcode, namespace, and Command Dwords 10 to 15. */
export function nvmeCommand(
  opcode: number,
  namespace: number,
  dwords: readonly number[],
  answerBytes = 0,
): Required<Pick<Command, 'bytes' | 'answerBytes'>> {
  const bytes = Buffer.alloc(64);
  bytes.writeUInt8(opcode, 0);
  bytes.writeUInt32LE(namespace, 4);
  if (answerBytes > 0) {
    bytes.writeBigUInt64LE(bufferAddress, 24);
    bytes.writeUInt32LE(bufferLength, 36);
  }
  for (const [i, dword] of dwords.entries()) bytes.writeUInt32LE(dword, 40 + 4 * i);
  return { bytes, answerBytes };
}
