// Beside the way to the server: whether more than one DHCP or PXE server answers in a NIC's network, by which machines get lost.
import { stat } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { clientIdOption, type DhcpOffer, makeDiscover } from '../../protocol/dhcp-packets.ts';
import { probeDhcp } from '../../protocol/probe-dhcp.ts';
import type { Say, Words } from '../screen/words/words.ts';

/** One that first looks whether its address is free answers after 3 s. */
const listenMs = 4500;
/** RFC 4578, 2.1, and its registry at IANA. */
const architectureOf = { bios: 0, 'x64-uefi': 7, 'arm64-uefi': 11 } as const;

/**
 * Asks once more for an address, by the one that `device` has, as the machine's own firmware does, and takes none. Answers the faults; none where
 * all is as it should be, and where it cannot be asked.
 */
export async function findOtherServers(device: string, address: string): Promise<Say[]> {
  const own = Object.entries(networkInterfaces()).flatMap(([name, all]) => {
    return (all ?? []).filter((one) => one.address === address).map(({ mac }) => ({ name, mac }));
  });
  // The kernel chooses the device by the address: of two that have it, it might be the other one.
  if (own.length !== 1 || own[0]?.name !== device) return [];
  const hardware = Buffer.from(own[0].mac.replaceAll(':', ''), 'hex');
  const question = makeDiscover({ hardware, architecture: await readArchitecture(), more: clientIdOption(hardware) });
  return judgeServers(
    await probeDhcp({ localAddress: address, questions: [question], forMs: listenMs }).catch(() => []),
  );
}

async function readArchitecture(): Promise<number> {
  if (process.arch === 'arm64') return architectureOf['arm64-uefi'];
  const uefi = await stat('/sys/firmware/efi').catch(() => null);
  return architectureOf[uefi === null ? 'bios' : 'x64-uefi'];
}

/** A proxy, which adds a boot file to what another server gives, is no second server; nor is one server that gives both. */
export function judgeServers(offers: readonly DhcpOffer[]): Say[] {
  const giving = offers.filter(({ address }) => address !== null);
  const booting = offers.filter(({ bootFile, pxe }) => bootFile !== null || pxe);
  return [
    ...judge('severalDhcp', giving, ({ address }) => address),
    ...judge('severalPxe', booting, ({ bootFile }) => bootFile),
  ];
}

/** Names are a hostile server's, too. */
const maxNameLength = 40;

function judge(
  fault: keyof Pick<Words['probe'], 'severalDhcp' | 'severalPxe'>,
  offers: readonly DhcpOffer[],
  offered: (offer: DhcpOffer) => string | null,
): Say[] {
  if (offers.length < 2) return [];
  const names = offers
    .toSorted((a, b) => a.server.localeCompare(b.server, 'en', { numeric: true }))
    .map((offer) => [offer.server, offered(offer)?.slice(0, maxNameLength)])
    .map(([server, what]) => (what === undefined ? server : `${server} (${what})`))
    .join(', ');
  return [({ probe }) => probe[fault](names)];
}
