// Commands to a disk's own firmware, past the kernel's block layer, by sg_raw(8): SCSI's, ATA's in them, and NVMe's admin commands.
import { DeployError } from '../../protocol/errors.ts';
import { askDisk } from '../blockdev/ask-disk.ts';

export type DiskAnswer = {
  readonly ok: boolean;
  readonly data: Buffer;
  readonly said: string;
  /** Why a SCSI command was not done, as the disk gave it (SPC-5, 4.4); empty if it gave none. */
  readonly sense: Buffer;
};

export type DiskCommand = {
  readonly bytes: Buffer;
  /** Of the answer; 0 for a command without one. */
  readonly answerBytes?: number;
  /** What goes to the disk with it. */
  readonly sent?: Buffer;
  readonly timeoutSeconds?: number;
};

/** What the disk answered, whether or not it took the command. @throws DeployError tool-missing when nothing answered within the time, or there is no sg_raw */
export async function sendCommand(
  devicePath: string,
  { bytes, answerBytes = 0, sent, timeoutSeconds = 20 }: DiskCommand,
): Promise<DiskAnswer> {
  const request = answerBytes === 0 ? [] : [`--request=${answerBytes}`, '--outfile=-'];
  const send = sent === undefined ? [] : [`--send=${sent.length}`];
  const words = [...bytes].map((byte) => byte.toString(16).padStart(2, '0'));
  // Opened for reading, or udev would look at the disk after each; and it says the sense data byte by byte only when it is told to say much.
  const options = ['--readonly', '--verbose', `--timeout=${timeoutSeconds}`];
  const answer = await askDisk('sg_raw', [...options, ...request, ...send, devicePath, ...words], {
    timeoutMs: (timeoutSeconds + 10) * 1000,
    maxBytes: 65_536,
    ...(sent === undefined ? {} : { input: sent }),
  });
  if (answer === null)
    throw new DeployError(
      'tool-missing',
      `${devicePath} cannot be asked by sg_raw: it is not there, or nothing answered`,
    );
  return { ok: answer.status === 0, data: answer.stdout, ...readWords(answer.stderr) };
}

const maxSenseBytes = 252;

/** What sg_raw says: the sense data are bytes in hexadecimal after a line that says so, and all else is for a person. */
export function readWords(text: string): Pick<DiskAnswer, 'said' | 'sense'> {
  const lines = text.split('\n');
  const at = lines.findIndex((line) => /Raw sense data/i.test(line));
  const said = (all: readonly string[]) => all.filter((line) => !/^\s*cdb to send|^\s+Command bytes/i.test(line));
  if (at === -1) return { said: said(lines).join('\n').trim(), sense: Buffer.alloc(0) };
  const bytes: number[] = [];
  for (const line of lines.slice(at + 1)) {
    const found = /^\s*(?:[0-9a-f]{2}\s+)*[0-9a-f]{2}\s*$/i.test(line) ? line.trim().split(/\s+/) : null;
    if (found === null) break;
    bytes.push(...found.map((byte) => Number.parseInt(byte, 16)));
  }
  return { said: said(lines.slice(0, at)).join('\n').trim(), sense: Buffer.from(bytes.slice(0, maxSenseBytes)) };
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
): Required<Pick<DiskCommand, 'bytes' | 'answerBytes'>> {
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
