// The question of a machine that boots from the network, and what servers offer it. RFC 2131, RFC 2132, RFC 4578.
import { randomBytes } from 'node:crypto';
import { isIPv4 } from 'node:net';

export type DhcpOffer = {
  readonly server: string;
  /** Null from a server that only adds boot options. */
  readonly address: string | null;
  readonly bootFile: string | null;
  /** It speaks PXE, with a boot file in this answer or without. */
  readonly pxe: boolean;
};

export const dhcpPorts = { client: 68, server: 67 } as const;

const bootp = {
  transaction: 4,
  flags: 10,
  offered: 16,
  hardware: 28,
  file: 108,
  cookie: 236,
  options: 240,
};
const cookie = Buffer.from([99, 130, 83, 99]);
const option = { overload: 52, type: 53, server: 54, vendorClass: 60, clientId: 61, bootFile: 67, end: 255 };
const offerType = 2;
const broadcastFlag = 0x8000;
const ethernet = 1;

export type DiscoverOptions = {
  /** Six bytes. */
  readonly hardware: Uint8Array;
  /** RFC 4578, 2.1, and its registry at IANA. */
  readonly architecture: number;
  readonly vendor?: 'PXEClient' | 'HTTPClient';
  /** Whole options. */
  readonly more?: readonly number[];
};

/** Says the client identifier that busybox's udhcpc says: a server then takes both for one client. RFC 2132, 9.14. */
export function clientIdOption(hardware: Uint8Array): number[] {
  return [option.clientId, 7, ethernet, ...hardware];
}

/** The answer is asked for as a broadcast. */
export function makeDiscover({ hardware, architecture, vendor = 'PXEClient', more = [] }: DiscoverOptions): Buffer {
  const packet = Buffer.alloc(400);
  packet.set([1, ethernet, 6, 0]);
  randomBytes(4).copy(packet, bootp.transaction);
  packet.writeUInt16BE(broadcastFlag, bootp.flags);
  packet.set(hardware, bootp.hardware);
  cookie.copy(packet, bootp.cookie);
  const name = `${vendor}:Arch:${String(architecture).padStart(5, '0')}:UNDI:002001`;
  const asked = [1, 3, 6, 12, 43, 54, 60, 66, 67];
  const options = [
    ...[option.type, 1, 1],
    ...[93, 2, 0, architecture],
    ...[94, 3, 1, 2, 1],
    ...[97, 17, 0, ...randomBytes(16)],
    ...[option.vendorClass, name.length, ...Buffer.from(name)],
    ...[55, asked.length, ...asked],
    ...more,
    option.end,
  ];
  packet.set(options, bootp.options);
  return packet;
}

export function transactionOf(packet: Buffer): number {
  return packet.readUInt32BE(bootp.transaction);
}

/** Null for what is no offer to one of these questions. `from` is who has sent it. */
export function readOffer(packet: Buffer, transactions: readonly number[], from: string): DhcpOffer | null {
  if (packet.length < bootp.options + 3 || packet[0] !== 2) return null;
  if (!transactions.includes(transactionOf(packet))) return null;
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
    pxe: readText(options.get(option.vendorClass) ?? Buffer.alloc(0)).startsWith('PXEClient'),
  };
}

/** Two answers of one server. */
export function joinOffers(known: DhcpOffer, offer: DhcpOffer): DhcpOffer {
  return {
    server: known.server,
    address: known.address ?? offer.address,
    bootFile: known.bootFile ?? offer.bootFile,
    pxe: known.pxe || offer.pxe,
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
