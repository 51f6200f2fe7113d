// What wakes a sleeping NIC: six bytes of ones and sixteen times its MAC address ("Magic Packet Technology", AMD publication 20213), and where to send it.
import { createSocket } from 'node:dgram';
import type { NetworkInterfaceInfo } from 'node:os';
import { DeployError } from './errors.ts';

/** Some switches and NICs are slow to listen. */
const times = 3;
const discardPort = 9;

export type MagicPacket = {
  readonly macs: readonly string[];
  readonly port?: number;
  /** SecureOn: six bytes as a MAC address is written. */
  readonly password?: string | undefined;
};

export function makeMagicPacket(mac: string, password?: string): Buffer {
  const address = bytesOf(mac);
  const parts = [Buffer.alloc(6, 0xff), ...Array.from({ length: 16 }, () => address)];
  return Buffer.concat(password === undefined ? parts : [...parts, bytesOf(password)]);
}

/** `192.0.2.5/24` → `192.0.2.255`; null for IPv6, for what is none, and for a network that has no broadcast address. */
export function broadcastOf(cidr: string): string | null {
  const network = networkOf(cidr);
  if (network === null || network.prefix > 30) return null;
  return textOf((network.base | (2 ** (32 - network.prefix) - 1)) >>> 0);
}

/** Whether `address` (with or without a prefix) lies in the network of `cidr`. */
export function isInNetwork(address: string, cidr: string): boolean {
  const network = networkOf(cidr);
  const there = network === null ? null : networkOf(`${address.split('/', 1)[0]}/${network.prefix}`);
  return network !== null && there !== null && network.base === there.base;
}

/** The IPv4 networks that this machine is in, as it is addressed there: `192.0.2.5/24`. */
export function listNetworks(interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>): string[] {
  const all = Object.values(interfaces).flatMap((addresses) => addresses ?? []);
  return all.flatMap(({ family, internal, cidr }) => (family === 'IPv4' && !internal && cidr !== null ? [cidr] : []));
}

/** To each of these addresses, for each MAC address. Returns how many addresses could be sent to. @throws DeployError power-failed when none could */
export async function sendMagicPacket(
  { macs, port = discardPort, password }: MagicPacket,
  broadcasts: readonly string[],
): Promise<number> {
  const socket = createSocket('udp4');
  try {
    await new Promise<void>((resolve, reject) => socket.once('error', reject).bind(0, resolve));
    socket.setBroadcast(true);
    const packets = macs.map((mac) => makeMagicPacket(mac, password));
    const sent = await Promise.allSettled(broadcasts.map((address) => sendAll(packets, address)));
    const failed = sent.filter((result) => result.status === 'rejected');
    if (failed.length === sent.length) throw failed[0]?.reason ?? new Error('no network to send to');
    return sent.length - failed.length;
  } catch (cause) {
    throw new DeployError('power-failed', `no magic packet could be sent: ${(cause as Error).message}`, {
      cause,
      hint: 'Give the broadcast address of the network that the machine is in.',
    });
  } finally {
    socket.close();
  }

  async function sendAll(packets: readonly Buffer[], address: string): Promise<void> {
    for (let i = 0; i < times; i++) for (const packet of packets) await sendOne(packet, address);
  }
  function sendOne(packet: Buffer, address: string): Promise<void> {
    return new Promise((resolve, reject) => {
      socket.send(packet, port, address, (error) => (error === null ? resolve() : reject(error)));
    });
  }
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text.replaceAll(/[:-]/g, ''), 'hex');
}

function networkOf(cidr: string): { base: number; prefix: number } | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(cidr);
  const [a = 256, b = 256, c = 256, d = 256, prefix = 33] = match?.slice(1).map(Number) ?? [];
  if (Math.max(a, b, c, d) > 255 || prefix > 32) return null;
  const address = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
  return { base: prefix === 0 ? 0 : (address & (-1 << (32 - prefix))) >>> 0, prefix };
}

function textOf(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
}
