// Fetches a file as a network loader does. RFC 1350, with the options of RFC 2347 to 2349.
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';

export type TftpAnswer =
  | { readonly kind: 'file'; readonly sizeBytes: number; readonly sha256: string }
  /** In the server's words. */
  | { readonly kind: 'error'; readonly message: string }
  /** `blocksReceived` tells a firewall that lets nothing through from a transfer that breaks off. */
  | { readonly kind: 'silence'; readonly blocksReceived: number };

export type TftpOptions = {
  readonly address: string;
  readonly port?: number;
  readonly file: string;
  readonly maxBytes: number;
  /** How long to wait for each answer, the question repeated in between. */
  readonly patienceMs?: number;
};

const opcodes = { read: 1, data: 3, acknowledge: 4, error: 5, options: 6 };
/** What fits into an Ethernet frame: loaders ask for it. */
const blockBytes = 1428;
const repeatMs = 700;

/** Answers what came of it; does not throw. */
export function fetchTftp(options: TftpOptions): Promise<TftpAnswer> {
  const { address, port = 69, file, maxBytes, patienceMs = 4000 } = options;
  const socket = createSocket('udp4');
  const digest = createHash('sha256');
  let [sizeBytes, block, blockSize] = [0, 0, 512];
  /** The server answers from a port of its own, which the transfer keeps to. */
  let peer: number | undefined;
  let packet = request(file);
  let heardMs = performance.now();
  return new Promise((resolve) => {
    const send = () => socket.send(packet, peer ?? port, address, () => {});
    const end = (answer: TftpAnswer) => {
      clearInterval(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setInterval(() => {
      if (performance.now() - heardMs > patienceMs) end({ kind: 'silence', blocksReceived: block });
      else send();
    }, repeatMs);
    socket.on('error', (error) => end({ kind: 'error', message: error.message }));
    socket.on('message', (answer, from) => {
      if (from.address !== address || (peer !== undefined && from.port !== peer) || answer.length < 4) return;
      const opcode = answer.readUInt16BE(0);
      if (opcode === opcodes.error) return end({ kind: 'error', message: readText(answer.subarray(4)) });
      if (opcode === opcodes.options && block === 0) {
        blockSize = readBlockSize(answer);
        packet = acknowledge(0);
      } else if (opcode === opcodes.data && answer.readUInt16BE(2) === ((block + 1) & 0xffff)) {
        block++;
        sizeBytes += answer.length - 4;
        digest.update(answer.subarray(4));
        packet = acknowledge(block & 0xffff);
        if (sizeBytes > maxBytes) return end({ kind: 'error', message: `the file has more than ${maxBytes} bytes` });
      } else return;
      peer = from.port;
      heardMs = performance.now();
      send();
      if (opcode === opcodes.data && answer.length - 4 < blockSize)
        end({ kind: 'file', sizeBytes, sha256: digest.digest('hex') });
    });
    send();
  });
}

function request(file: string): Buffer {
  const words = [file, 'octet', 'blksize', String(blockBytes)].flatMap((word) => [Buffer.from(word), Buffer.from([0])]);
  return Buffer.concat([Buffer.from([0, opcodes.read]), ...words]);
}

function acknowledge(block: number): Buffer {
  const packet = Buffer.from([0, opcodes.acknowledge, 0, 0]);
  packet.writeUInt16BE(block, 2);
  return packet;
}

function readBlockSize(packet: Buffer): number {
  const words = packet.toString('latin1', 2).split('\0');
  const size = Number(words[words.findIndex((word) => word.toLowerCase() === 'blksize') + 1]);
  return Number.isInteger(size) && size >= 8 && size <= blockBytes ? size : 512;
}

function readText(bytes: Buffer): string {
  const [text = ''] = bytes.toString('latin1').split('\0', 1);
  return text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 200);
}
