// Which addresses the server's own requests go to: never its own host, and nothing that only its host can reach, unless whoever started it said so.
import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { DeployError } from '../../protocol/errors.ts';

/** This host, link-local (where clouds have their metadata, too: 169.254.169.254), multicast, reserved and broadcast (RFC 6890). */
const refusedIpv4 = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/4',
  '240.0.0.0/4',
  // Alibaba Cloud's metadata.
  '100.100.100.200/32',
];
/** The last is EC2's metadata. */
const refusedIpv6 = ['::1/128', 'fe80::/10', 'fec0::/10', 'ff00::/8', 'fd00:ec2::254/128'];
/** An address of version 4 in one of version 6: compatible (RFC 4291, 2.5.5.1), and by NAT64 (RFC 6052). Mapped ones a BlockList knows by itself. */
const embeddings = ['::', '64:ff9b::'];

const refused = blockListOf([...refusedIpv4, ...refusedIpv6, ...refusedIpv4.flatMap(embed)]);

/** All addresses of a name, as the system finds them. */
export type Resolve = (host: string) => Promise<readonly string[]>;

type Options = {
  /** `10.0.0.0/8`: what is reached although it would be refused. */
  readonly allowed?: readonly string[];
  readonly resolve?: Resolve;
};

export class OutgoingAddresses {
  readonly #allowed: BlockList;
  readonly #resolve: Resolve;
  /** Where this server listens: nothing makes it ask itself. */
  ownPort: number | null = null;

  constructor({ allowed = [], resolve = resolveBySystem }: Options = {}) {
    this.#allowed = blockListOf(allowed);
    this.#resolve = resolve;
  }

  /**
   * Where to connect to for `host`, a name or an address as it stands in a URL: to these, and to nothing that its name may mean a moment later.
   * `trusted`: whoever started the server has named this host, wherever it is.
   * @throws DeployError address-refused when any of them is; what the look-up throws
   */
  async find(host: string, port: number, { trusted = false } = {}): Promise<readonly [string, ...string[]]> {
    const bare = host.replace(/^\[|\]$/g, '');
    const [first, ...others] = isIP(bare) === 0 ? await this.#resolve(bare) : [bare];
    if (first === undefined) throw new Error(`${bare} has no address`);
    if (!trusted) for (const address of [first, ...others]) this.#check(bare, address, port);
    return [first, ...others];
  }

  #check(host: string, address: string, port: number): void {
    const what = host === address ? address : `${host} is ${address}, which`;
    const refuse = (why: string, hint: string) => new DeployError('address-refused', `${what} ${why}`, { hint });
    if (port === this.ownPort && isOwn(address)) {
      throw refuse('is this server itself: nothing was sent', 'Give the address of the BMC.');
    }
    if (contains(this.#allowed, address) || !contains(refused, address)) return;
    throw refuse(
      'is an address of this host, or one that only it can reach: nothing was sent',
      `If a BMC is really there, start the server with --allow-bmc ${address}/${isIP(address) === 6 ? 128 : 32}.`,
    );
  }
}

async function resolveBySystem(host: string): Promise<string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

/** An address with a zone (`fe80::1%eth0`) is in what its address is in. What is none is in everything. */
function contains(list: BlockList, text: string): boolean {
  const address = text.split('%', 1)[0] ?? '';
  const family = isIP(address);
  return family === 0 ? list === refused : list.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

function isOwn(address: string): boolean {
  const own = Object.values(networkInterfaces()).flatMap((list) => list?.map((each) => each.address) ?? []);
  return blockListOf([
    ...own.map((each) => `${each}/${isIP(each) === 6 ? 128 : 32}`),
    '127.0.0.0/8',
    '0.0.0.0/8',
  ]).check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

function blockListOf(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [net = '', prefix] = range.split('/');
    list.addSubnet(net, Number(prefix), isIP(net) === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}

/** Also 6to4 (RFC 3056), which has it in the middle. */
function embed(range: string): string[] {
  const [net = '', prefix] = range.split('/');
  const hex = Buffer.from(net.split('.').map(Number)).toString('hex');
  return [
    ...embeddings.map((start) => `${start}${net}/${96 + Number(prefix)}`),
    `2002:${hex.slice(0, 4)}:${hex.slice(4)}::/${16 + Number(prefix)}`,
  ];
}
