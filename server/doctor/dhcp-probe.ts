// Asks for an address and a boot file as a machine does that boots from the network, and takes neither. RFC 2131, RFC 2132, RFC 4578.
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { isIPv4 } from 'node:net';

export type DhcpOffer = {
  readonly server: string;
  /** Null from a server that only adds boot options. */
  readonly address: string | null;
  readonly bootFile: string | null;
};

export type ProbeOptions = {
  /** Of the interface to ask through. */
  readonly localAddress: string;
  readonly forMs?: number;
};

/** RFC 4578 2.1: BIOS, and x86-64 UEFI. Each is told another boot file, or none. */
const architectures = [0, 7];
const [clientPort, serverPort] = [68, 67];
/** Servers that check whether an address is in use answer after a second or three; dnsmasq looks at one after the other. */
const listenMs = 6000;
const repeatMs = 1000;
const bootp = {
  transaction: 4,
  flags: 10,
  offered: 16,
  nextServer: 20,
  hardware: 28,
  file: 108,
  cookie: 236,
  options: 240,
};
const cookie = Buffer.from([99, 130, 83, 99]);
const option = { overload: 52, type: 53, server: 54, bootFile: 67, end: 255 };
const offerType = 2;

/**
 * What each server offers to machines of both kinds of firmware. Needs the right to listen on port 68 (root), where nothing else does.
 * @throws EACCES, EADDRINUSE
 */
export async function probeDhcp({ localAddress, forMs = listenMs }: ProbeOptions): Promise<DhcpOffer[]> {
  // Answers go to everybody, and only a socket that is bound to no address gets those; questions have to leave by the interface.
  const [ears, mouth] = [
    createSocket({ type: 'udp4', reuseAddr: true }),
    createSocket({ type: 'udp4', reuseAddr: true }),
  ];
  // Nobody's: locally administered, random.
  const hardware = Buffer.from([2, ...randomBytes(5)]);
  const packets = architectures.map((architecture) => discover(hardware, architecture));
  const transactions = packets.map((packet) => packet.readUInt32BE(bootp.transaction));
  const offers = new Map<string, DhcpOffer>();
  try {
    await bind(ears, undefined);
    await bind(mouth, localAddress);
    for (const socket of [ears, mouth]) {
      socket.on('message', (answer, { address }) => {
        const offer = readOffer(answer, transactions, address);
        if (offer === null) return;
        const known = offers.get(offer.server);
        const both = { address: known?.address ?? offer.address, bootFile: known?.bootFile ?? offer.bootFile };
        offers.set(offer.server, { server: offer.server, ...both });
      });
    }
    mouth.setBroadcast(true);
    const send = () => {
      for (const packet of packets) mouth.send(packet, serverPort, '255.255.255.255', () => {});
    };
    send();
    const timer = setInterval(send, repeatMs);
    await new Promise((resolve) => setTimeout(resolve, forMs));
    clearInterval(timer);
    return [...offers.values()];
  } finally {
    for (const socket of [ears, mouth]) socket.close();
  }
}

function bind(socket: ReturnType<typeof createSocket>, address: string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ port: clientPort, ...(address === undefined ? {} : { address }) }, () => {
      socket.off('error', reject);
      // What comes later, such as an unreachable network, shows as silence.
      socket.on('error', () => {});
      resolve();
    });
  });
}

/** `architecture` as in RFC 4578 2.1 and at IANA; `more` are whole options. */
export function discover(
  hardware: Buffer,
  architecture: number,
  vendor: 'PXEClient' | 'HTTPClient' = 'PXEClient',
  more: readonly number[] = [],
): Buffer {
  const packet = Buffer.alloc(400);
  packet.set([1, 1, 6, 0]);
  randomBytes(4).copy(packet, bootp.transaction);
  packet.writeUInt16BE(0x8000, bootp.flags);
  hardware.copy(packet, bootp.hardware);
  cookie.copy(packet, bootp.cookie);
  const name = `${vendor}:Arch:${String(architecture).padStart(5, '0')}:UNDI:002001`;
  const asked = [1, 3, 6, 12, 43, 54, 60, 66, 67];
  const options = [
    ...[option.type, 1, 1],
    ...[93, 2, 0, architecture],
    ...[94, 3, 1, 2, 1],
    ...[97, 17, 0, ...randomBytes(16)],
    ...[60, name.length, ...Buffer.from(name)],
    ...[55, asked.length, ...asked],
    ...more,
    option.end,
  ];
  packet.set(options, bootp.options);
  return packet;
}

/** Null for what is no offer to one of these questions. `from` is who has sent it. */
export function readOffer(packet: Buffer, transactions: readonly number[], from: string): DhcpOffer | null {
  if (packet.length < bootp.options + 3 || packet[0] !== 2) return null;
  if (!transactions.includes(packet.readUInt32BE(bootp.transaction))) return null;
  if (!packet.subarray(bootp.cookie, bootp.options).equals(cookie)) return null;
  const options = readOptions(packet);
  if (options.get(option.type)?.[0] !== offerType) return null;
  const named = options.get(option.server);
  const server = named?.length === 4 ? named.join('.') : from;
  const address = packet.subarray(bootp.offered, bootp.offered + 4).join('.');
  // The field may hold options instead of a name (RFC 2132, 9.3).
  const overloaded = ((options.get(option.overload)?.[0] ?? 0) & 1) === 1;
  const field = overloaded ? '' : readText(packet.subarray(bootp.file, bootp.cookie));
  const bootFile = field || readText(options.get(option.bootFile) ?? Buffer.alloc(0));
  return {
    server: isIPv4(server) ? server : from,
    address: address === '0.0.0.0' ? null : address,
    bootFile: bootFile === '' ? null : bootFile,
  };
}

/** The first of each code; what is cut off is left out. */
export function readOptions(packet: Buffer): Map<number, Buffer> {
  const options = new Map<number, Buffer>();
  for (let at = bootp.options; at < packet.length && packet[at] !== option.end; ) {
    if (packet[at] === 0) {
      at++;
      continue;
    }
    const [code = 0, length] = [packet[at], packet[at + 1]];
    if (length === undefined || at + 2 + length > packet.length) break;
    if (!options.has(code)) options.set(code, packet.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return options;
}

/** Of a foreign packet: shown to a person. */
function readText(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('latin1', 0, end < 0 ? bytes.length : end).replaceAll(/[^\x20-\x7e]/g, '?');
}
