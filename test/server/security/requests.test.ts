// Requests that no client of ours would send: two in one, torn, oversized, with paths that lead elsewhere, and frames without end.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { ScriptedAgent } from '../scripted-agent.ts';
import { TestServer, uuidA } from '../support.ts';
import { exchange, plainSmuggled, type Side, smuggled, statuses } from './raw-requests.ts';

describe('a request with two ends', () => {
  const cases: [string, string][] = [
    ['a length and chunks', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['chunks and a length', 'Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n'],
    ['two lengths', 'Content-Length: 0\r\nContent-Length: 40\r\n\r\n'],
    ['two lengths in one', 'Content-Length: 0, 40\r\n\r\n'],
    ['a length with a sign', 'Content-Length: +0\r\n\r\n'],
    ['a coding that is none', 'Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n'],
    ['chunks that are not the last coding', 'Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n'],
    ['a space before the colon', 'Content-Length : 0\r\n\r\n'],
    ['a folded coding', 'Transfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n'],
    ['a bare line feed', 'X: y\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n'],
    ['a chunk size that is too long', `Transfer-Encoding: chunked\r\n\r\n${'0'.repeat(20_000)}1\r\n`],
  ];

  it('is refused on both sides of the port, and what follows it is not taken for another', async () => {
    await using server = await TestServer.start();
    const { port } = server.running;
    const asked = cases.flatMap(([name, rest]) => [
      exchange(port, 'tls', `GET /v1/health HTTP/1.1\r\nHost: x\r\n${rest}${smuggled}`).then(
        (text) => [name, 'tls', text] as const,
      ),
      exchange(port, 'plain', `GET /boot/ipxe HTTP/1.1\r\nHost: x\r\n${rest}${plainSmuggled}`).then(
        (text) => [name, 'plain', text] as const,
      ),
    ]);
    for (const [name, side, text] of await Promise.all(asked)) {
      expect([name, side, statuses(text).includes(200)]).toEqual([name, side, false]);
      expect([name, side, statuses(text).every((status) => status >= 400)]).toEqual([name, side, true]);
    }
  });

  it('is told from two requests, which are both answered', async () => {
    await using server = await TestServer.start();
    const { port } = server.running;
    const head = (target: string) => `GET ${target} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`;
    expect(statuses(await exchange(port, 'tls', head('/v1/health') + smuggled))).toEqual([200, 200]);
    expect(statuses(await exchange(port, 'plain', head('/boot/ipxe') + plainSmuggled))).toEqual([200, 200]);
  });

  it('that is refused takes its body with it', async () => {
    await using server = await TestServer.start();
    const { port } = server.running;
    const withBody = (head: string, body: string) =>
      `${head} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const answers = await Promise.all([
      exchange(port, 'tls', withBody('PUT /v1/images/x', smuggled)),
      exchange(port, 'tls', withBody('POST /v1/chunks', smuggled)),
      exchange(port, 'tls', withBody('DELETE /v1/nothing', smuggled)),
      exchange(port, 'plain', withBody('POST /boot/ipxe', plainSmuggled)),
    ]);
    for (const text of answers) {
      expect(statuses(text)).toHaveLength(1);
      expect(statuses(text)[0]).toBeGreaterThanOrEqual(400);
    }
  });

  it('or with too long a head, or in another protocol, is the end of its connection', async () => {
    await using server = await TestServer.start();
    const { port } = server.running;
    const long = `GET /v1/health HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`;
    const many = `GET /boot/ipxe HTTP/1.1\r\nHost: x\r\n${'a: b\r\n'.repeat(5000)}\r\n`;
    const tlsInPlain = Buffer.concat([
      Buffer.from(plainSmuggled),
      Buffer.from('160301020001000', 'hex'),
      Buffer.alloc(600, 0x16),
    ]);
    const [tall, wide, mixed] = await Promise.all([
      exchange(port, 'tls', long),
      exchange(port, 'plain', many),
      exchange(port, 'plain', tlsInPlain),
    ]);
    // The answer may be lost with what was not read of the request.
    for (const text of [tall, wide]) expect(statuses(text).filter((status) => status !== 431)).toEqual([]);
    expect(statuses(mixed).at(-1)).toBe(400);
    expect(await exchange(port, 'plain', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')).not.toContain(' 200 ');
    expect((await server.tls('/v1/health')).status).toBe(200);
  });
});

describe('a path', () => {
  const climbs = ['../', '..%2f', '%2e%2e/', '%2e%2e%2f', '..%5c', '..\\', '%c0%ae%c0%ae/', '....//', '..;/'];
  const targets = ['operator-token', 'tls/ca.key', 'etc/passwd', 'package.json'];
  const places: Record<Side, string[]> = {
    tls: ['/', '/assets/', '/v1/', '/v1/images/', '/v1/chunks/', '/v1/media/', '/v1/machines/', '/v1/keys/'],
    plain: ['/', '/boot/', '/boot/profiles/', '/boot/profiles/abc/', '/boot/arm64/'],
  };

  it('leads to no file but those that are served, however it is written', async () => {
    await using server = await TestServer.start();
    const secrets = [
      server.running.operatorToken,
      await readFile(path.join(server.dataDir, 'tls/ca.key'), 'utf8'),
      'root:x:0:0',
      '"devDependencies"',
    ];
    const written = (place: string) => [
      ...climbs.flatMap((climb) => targets.map((target) => `${place}${climb.repeat(6)}${target}`)),
      ...[
        `${place}/etc/passwd`,
        `${place}%00`,
        `${place}x%00.iso`,
        `${place}${'a'.repeat(5000)}`,
        `${place}%`,
        `${place}%ff`,
      ],
    ];
    for (const side of ['tls', 'plain'] as const) {
      for (const target of places[side].flatMap(written)) {
        const answer =
          side === 'tls' ? await server.tls(target, { headers: server.operator }) : await server.plain(target);
        const told = secrets.filter((secret) => answer.body.includes(secret));
        expect([side, target, told, answer.status === 500]).toEqual([side, target, [], false]);
      }
    }
  }, 60_000);

  it('or a body with a NUL in it is no fault of the server', async () => {
    await using server = await TestServer.start();
    const nul = 'a\0b';
    const headers = { ...server.operator, 'content-type': 'application/json' };
    for (const [target, body] of [
      ['/v1/sessions', { name: nul, password: nul }],
      ['/v1/jobs', { scenario: nul, machine: nul }],
      ['/v1/scenarios', { name: nul, steps: [{ kind: 'check' }] }],
      ['/v1/boot-token', { uuid: nul, macs: [nul] }],
      [`/v1/jobs/${'a%00b'}/approve`, { check: nul }],
    ] as const) {
      const { status } = await server.tls(target, { method: 'POST', headers, body: JSON.stringify(body) });
      expect([target, status >= 400 && status < 500]).toEqual([target, true]);
    }
  });

  it('or a name with line breaks in it adds no header to an answer', async () => {
    await using server = await TestServer.start();
    const evil = '%0d%0aSet-Cookie:%20a=b%0d%0a%0d%0a';
    for (const target of [
      `/v1/machines/${evil}`,
      `/v1/images/${evil}/manifest`,
      `/v1/session/openid/callback?state=${evil}`,
      `/${evil}`,
    ]) {
      const { headers } = await server.tls(target, { headers: server.operator });
      expect([target, JSON.stringify(headers).includes('a=b')]).toEqual([target, false]);
    }
    expect(JSON.stringify((await server.plain(`/boot/script?uuid=${uuidA}&mac=${evil}`)).headers)).not.toContain('a=b');
  });
});

describe('a WebSocket', () => {
  const closed = (socket: WebSocket) => new Promise<number>((resolve) => socket.once('close', resolve));

  it('takes no frame, nor message of many frames, beyond its bound, and compresses nothing', async () => {
    await using server = await TestServer.start();
    const open = (): Promise<WebSocket> =>
      new Promise((resolve, reject) => {
        const url = `wss://127.0.0.1:${server.running.port}/v1/events`;
        // A few bytes would become gigabytes: the offer is not taken up.
        const socket = new WebSocket(url, {
          rejectUnauthorized: false,
          headers: server.operator,
          perMessageDeflate: true,
        });
        socket.once('open', () => resolve(socket));
        socket.once('error', reject);
      });
    const large = await open();
    expect(large.extensions).toBe('');
    large.send('x'.repeat(5000));
    expect(await closed(large)).toBe(1009);
    const parts = await open();
    parts.on('error', () => {});
    for (let i = 0; i < 10; i++) parts.send('x'.repeat(1000), { fin: false });
    expect(await closed(parts)).toBe(1009);

    const agent = await ScriptedAgent.join({
      port: server.running.port,
      token: await server.bootToken(uuidA),
      uuid: uuidA,
    });
    await agent.next('welcome');
    agent.sendRaw(Buffer.alloc(5 * 2 ** 20));
    await agent.until(() => agent.closed);
    expect((await server.tls('/v1/health')).status).toBe(200);
  });

  it('of an agent ends with a message that says it is longer than it is', async () => {
    await using server = await TestServer.start();
    for (const bomb of [
      Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]), // an array of 2^32 - 1
      Buffer.from([0xdf, 0xff, 0xff, 0xff, 0xff]), // a map of as many
      Buffer.from([0xdb, 0xff, 0xff, 0xff, 0xff]), // a text of 4 GiB
      Buffer.alloc(100_000, 0x91), // arrays in arrays
      new Packr({ useRecords: false }).pack({ type: 'hello', __proto__: { polluted: true } }),
    ]) {
      const agent = await ScriptedAgent.open({
        port: server.running.port,
        token: await server.bootToken(uuidA),
        uuid: uuidA,
      });
      agent.sendRaw(bomb);
      await agent.until(() => agent.closed);
    }
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect((await server.tls('/v1/health')).status).toBe(200);
  });
});
