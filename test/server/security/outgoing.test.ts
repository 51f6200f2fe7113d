// What the server asks others, attacked: addresses that lead to its own host however they are written, names that change their mind, and answers without bound.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { OutgoingAddresses } from '../../../server/outgoing/addresses.ts';
import { ask } from '../../../server/outgoing/ask.ts';
import { openIpmi } from '../../../server/power/ipmi-driver.ts';
import { openRedfish } from '../../../server/power/redfish/redfish-driver.ts';
import { errorCode, TestServer, uuidA } from '../support.ts';

const signal = AbortSignal.timeout(100_000);

/** A service of this host that nobody is to reach; what it was asked. */
class InnerService implements AsyncDisposable {
  readonly asked: string[] = [];
  /** Where connections came in. */
  readonly connections: (string | undefined)[] = [];
  readonly port: number;
  readonly #server: ReturnType<typeof createServer>;

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  static async start(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<InnerService> {
    // Dual-stack: reached by whatever leads to this host.
    const server = createServer().listen(0, '::');
    await new Promise((resolve) => server.once('listening', resolve));
    const own = new InnerService(server);
    server.on('connection', (socket: Socket) => own.connections.push(socket.localAddress));
    server.on('request', (request, response) => {
      own.asked.push(`${request.method} ${request.url}`);
      answer(request, response);
    });
    return own;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const secret = (_request: IncomingMessage, response: ServerResponse) => void response.end('"the secret of the host"');
const redfishAt = (url: string, addresses: OutgoingAddresses) =>
  openRedfish({ driver: 'redfish', url, plainHttp: url.startsWith('http:'), user: 'u', auth: 'basic' }, 'p', addresses);
/** What such a URL comes to, as the API takes it. */
const originOf = (host: string, port: number) => new URL(`http://${host}:${port}`).origin;

describe('a BMC’s address', () => {
  const written = [
    ...['127.0.0.1', '127.1', '2130706433', '0x7f000001', '0177.0.0.1', '127.255.255.254', '0.0.0.0', '0', 'localhost'],
    ...['[::1]', '[::]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::127.0.0.1]', '[64:ff9b::127.0.0.1]'],
    ...['[2002:7f00:1::]', '１２７.0.0.1', '127。0。0。1'],
    ...['169.254.169.254', '2852039166', '[::ffff:a9fe:a9fe]', '[fe80::1]', '[fd00:ec2::254]', '100.100.100.200'],
    ...['224.0.0.1', '255.255.255.255', '[ff02::1]', '[64:ff9b::a9fe:a9fe]'],
  ];

  it('leads to no address of this host, and to none that only it can reach, however it is written', async () => {
    await using inner = await InnerService.start(secret);
    const addresses = new OutgoingAddresses();
    for (const host of written) {
      const outcome = await redfishAt(originOf(host, inner.port), addresses)
        .read(signal)
        .catch((thrown) => [thrown.code, String(thrown.message).includes('secret')]);
      expect([host, outcome]).toEqual([host, ['address-refused', false]]);
    }
    expect([inner.asked, inner.connections]).toEqual([[], []]);
  });

  it('is one of a network as BMCs are in', async () => {
    const addresses = new OutgoingAddresses({ resolve: async () => ['10.1.2.3', 'fd12::1'] });
    expect(await addresses.find('bmc.example', 443)).toEqual(['10.1.2.3', 'fd12::1']);
    for (const host of ['192.168.1.2', '172.16.0.1', '10.0.0.1', '198.51.100.7', '[2001:db8::7]', '[fd00::1]']) {
      expect(await addresses.find(host, 443)).toEqual([host.replace(/[[\]]/g, '')]);
    }
  });

  it('of a name that means this host, now or a moment later, or among others, is not connected to', async () => {
    await using inner = await InnerService.start(secret);
    const answers = [['10.1.2.3', '127.0.0.1'], ['::ffff:127.0.0.1'], ['fe80::1%lo'], ['not an address']];
    for (const found of answers) {
      const addresses = new OutgoingAddresses({ resolve: async () => found });
      const reading = redfishAt(`http://bmc.example:${inner.port}`, addresses).read(signal);
      await expect(reading).rejects.toMatchObject({ code: 'address-refused' });
    }
    // Good when it is looked up, this host when it would be looked up again: once is all that happens, and that answer is connected to.
    let asked = 0;
    const rebinding = new OutgoingAddresses({
      resolve: async () => [asked++ === 0 ? '127.0.0.9' : '127.0.0.1'],
      allowed: ['127.0.0.9/32'],
    });
    await ask(
      { url: new URL(`http://bmc.example:${inner.port}/`), method: 'GET', headers: {}, body: null },
      { addresses: rebinding },
      signal,
    );
    expect([asked, inner.connections]).toEqual([1, ['::ffff:127.0.0.9']]);
    await expect(rebinding.find('bmc.example', 443)).rejects.toMatchObject({ code: 'address-refused' });
  });

  it('for IPMI is looked up once, too, and ipmitool is given what was checked', async () => {
    const machine = {
      id: 'm',
      name: 'm',
      uuid: null,
      firmware: 'uefi' as const,
      macs: [],
      addresses: [],
      networks: [],
    };
    for (const host of ['127.0.0.1', '2130706433', '0x7f.1', '::1', '::ffff:7f00:1', 'localhost']) {
      const settings = { driver: 'ipmi', host, port: 623, user: 'u' } as const;
      const driver = openIpmi(settings, machine, { addresses: new OutgoingAddresses(), password: 'p' });
      await expect(driver.read(signal)).rejects.toMatchObject({ code: 'address-refused' });
    }
  });

  it('is never this server’s own, not even where such addresses were allowed; and is refused through the API', async () => {
    await using server = await TestServer.start({ allowBmc: '127.0.0.0/8' });
    await server.bootToken(uuidA);
    const [machine] = await server.machines();
    const target = `/v1/machines/${machine?.id}/power`;
    const act = () => server.tls(`${target}/status`, { method: 'POST', headers: server.operator });
    const own = { driver: 'redfish', url: `https://127.0.0.1:${server.running.port}`, user: 'u', password: 'p' };
    await server.api('PUT', target, own);
    const refused = await act();
    expect([refused.status, errorCode(refused)]).toEqual([403, 'address-refused']);
    expect(`${refused.body}`).toContain('this server itself');
    await server.restart();
    await using inner = await InnerService.start(secret);
    const plain = { ...own, url: `http://127.0.0.1:${inner.port}`, plainHttp: true };
    await server.api('PUT', target, plain);
    const answer = await act();
    expect([errorCode(answer), `${answer.body}`.includes('secret'), inner.asked]).toEqual([
      'address-refused',
      false,
      [],
    ]);
    await expect(TestServer.start({ allowBmc: 'everything' })).rejects.toMatchObject({ code: 'usage' });
  });
});

describe('an answer', () => {
  const here = { addresses: new OutgoingAddresses({ allowed: ['127.0.0.0/8'] }) };
  const get = (port: number, headers = {}, within = signal) =>
    ask({ url: new URL(`http://127.0.0.1:${port}/x`), method: 'GET', headers, body: null }, here, within);

  it('that sends elsewhere is not followed, and no password goes there', async () => {
    await using inner = await InnerService.start(secret);
    for (const status of [301, 302, 303, 307, 308]) {
      const location = `http://127.0.0.1:${inner.port}/redfish/v1/`;
      await using outer = await InnerService.start(
        (_request, response) => void response.writeHead(status, { location }).end(),
      );
      expect(await get(outer.port)).toMatchObject({ status, headers: { location } });
      const reading = redfishAt(`http://127.0.0.1:${outer.port}`, here.addresses).read(signal);
      await expect(reading).rejects.toThrow(`HTTP status ${status}: it sends elsewhere`);
    }
    expect(inner.asked).toEqual([]);
  });

  it('without end, slower than anybody waits, or that swells when it is unpacked, costs no more than its bound', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 2 ** 20));
    const part = Buffer.alloc(65_536, 32);
    const cases: [(request: IncomingMessage, response: ServerResponse) => void, RegExp][] = [
      [
        (_request, response) =>
          void response.writeHead(200, { 'content-length': 2 ** 40 }).write(Buffer.alloc(2 ** 21)),
        /larger than/,
      ],
      [
        (_request, response) => {
          const more = (): void => {
            while (!response.destroyed && response.write(part)) {}
          };
          response.on('drain', more);
          more();
        },
        /larger than/,
      ],
      [(_request, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb), /compressed/],
      [(_request, response) => void response.writeHead(200, { 'x-long': 'y'.repeat(40_000) }).end(), /[Hh]eader/],
      [
        (request) =>
          void request.socket.end(
            'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
          ),
        /Parse|Transfer/,
      ],
    ];
    for (const [answer, words] of cases) {
      await using inner = await InnerService.start(answer);
      await expect(get(inner.port)).rejects.toThrow(words);
    }
    // A byte now and then keeps nobody waiting for ever: the whole has its time.
    const drips: NodeJS.Timeout[] = [];
    await using slow = await InnerService.start(
      (_request, response) => void drips.push(setInterval(() => response.write(' '), 50)),
    );
    const stop = AbortSignal.timeout(300);
    await expect(get(slow.port, {}, stop)).rejects.toMatchObject({ name: 'TimeoutError' });
    const url = new URL(`http://127.0.0.1:${slow.port}/`);
    const asking = ask({ url, method: 'GET', headers: {}, body: null, withinMs: 300 }, here, signal);
    await expect(asking).rejects.toThrow('no answer within 0.3 s');
    for (const drip of drips) clearInterval(drip);
  });

  it('of another service than the one meant says nothing of itself to whoever asked', async () => {
    const bodies = [
      'root:x:0:0:root',
      '{"error":{"message":"the secret","code":"x"}}',
      '{"error":{"@Message.ExtendedInfo":[{"Message":"the secret","MessageId":"secret"}]}}',
      '{"secret":"the secret"}',
      '["the secret"]',
    ];
    for (const status of [200, 401, 500]) {
      for (const body of bodies) {
        await using inner = await InnerService.start((_request, response) => void response.writeHead(status).end(body));
        const thrown = await redfishAt(`http://127.0.0.1:${inner.port}`, here.addresses)
          .read(signal)
          .catch((error) => error);
        expect([status, body, thrown.code]).toEqual([status, body, 'power-failed']);
        expect(`${thrown.message} ${thrown.hint}`).not.toMatch(/secret|root:/);
      }
    }
  });

  it('is not asked for with a name and password in the address, other schemes, or line breaks in a header', async () => {
    await using inner = await InnerService.start(secret);
    const question = { method: 'GET', headers: {}, body: null };
    for (const address of ['http://u:p@127.0.0.1', 'file:///etc/passwd', 'ftp://127.0.0.1', 'unix:/run/x', 'data:,x']) {
      const asking = ask({ ...question, url: new URL(address) }, here, signal);
      await expect(asking).rejects.toThrow('no address to be asked');
    }
    await expect(get(inner.port, { 'if-match': 'x\r\nX-Evil: y' })).rejects.toThrow('Invalid character');
    expect(inner.asked).toEqual([]);
  });
});
