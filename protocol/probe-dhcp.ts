// Asks for an address and a boot file as a machine does that boots from the network, and takes neither.
import { createSocket } from 'node:dgram';
import { type DhcpOffer, dhcpPorts, joinOffers, readOffer, transactionOf } from './dhcp-packets.ts';

export type ProbeOptions = {
  /** Of the interface to ask through. */
  readonly localAddress: string;
  /** Of makeDiscover, one for each kind of machine: each is told another boot file, or none. */
  readonly questions: readonly Buffer[];
  readonly forMs?: number;
};

/** Servers that check whether an address is in use answer after a second or three; dnsmasq looks at one after the other. */
const listenMs = 6000;
const repeatMs = 1000;
/** Anybody may answer, as often as they like. */
const maxServers = 16;

/**
 * What each server offers. Needs the right to listen on port 68 (root), where nothing else does.
 * @throws EACCES, EADDRINUSE
 */
export async function probeDhcp({ localAddress, questions, forMs = listenMs }: ProbeOptions): Promise<DhcpOffer[]> {
  // Answers go to everybody, and only a socket that is bound to no address gets those; questions have to leave by the interface.
  const [ears, mouth] = [
    createSocket({ type: 'udp4', reuseAddr: true }),
    createSocket({ type: 'udp4', reuseAddr: true }),
  ];
  const transactions = questions.map(transactionOf);
  const offers = new Map<string, DhcpOffer>();
  try {
    await bind(ears, undefined);
    await bind(mouth, localAddress);
    for (const socket of [ears, mouth]) {
      socket.on('message', (answer, { address }) => {
        const offer = readOffer(answer, transactions, address);
        if (offer === null) return;
        const known = offers.get(offer.server);
        if (known !== undefined || offers.size < maxServers)
          offers.set(offer.server, known === undefined ? offer : joinOffers(known, offer));
      });
    }
    mouth.setBroadcast(true);
    const send = () => {
      for (const packet of questions) mouth.send(packet, dhcpPorts.server, '255.255.255.255', () => {});
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
    socket.bind({ port: dhcpPorts.client, ...(address === undefined ? {} : { address }) }, () => {
      socket.off('error', reject);
      // What comes later, such as an unreachable network, shows as silence.
      socket.on('error', () => {});
      resolve();
    });
  });
}
