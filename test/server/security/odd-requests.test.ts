// Requests in forms that servers and the proxies in front of them read differently: targets of other servers, two hosts, trailers, folded lines, upgrades with a second request behind them.
import { describe, expect, it } from 'vitest';
import { routes } from '../../../server/routes.ts';
import { errorCode, TestServer } from '../support.ts';
import { exchange, plainSmuggled, smuggled, statuses } from './raw-requests.ts';

const bearer = (server: TestServer) => `Authorization: ${server.operator.authorization}`;

describe('a request', () => {
  it('with the target of another server is not passed on, and names no route of this one', async () => {
    await using server = await TestServer.start();
    const { port } = server.running;
    const targets = [
      'http://169.254.169.254/latest/',
      'https://evil.example/v1/machines',
      '//evil.example/v1/machines',
      '*',
      'x:80',
    ];
    for (const target of targets) {
      for (const method of ['GET', 'CONNECT', 'OPTIONS', 'TRACE']) {
        const head = `${method} ${target} HTTP/1.1\r\nHost: x\r\n${bearer(server)}\r\nConnection: close\r\n\r\n`;
        const texts = await Promise.all([exchange(port, 'tls', head), exchange(port, 'plain', head)]);
        for (const text of texts) {
          expect([method, target, statuses(text).filter((status) => status < 400)]).toEqual([method, target, []]);
          expect([method, target, /evil|Bearer/.test(text.split('\r\n\r\n', 1)[0] ?? '')]).toEqual([
            method,
            target,
            false,
          ]);
        }
      }
    }
  });

  it('with two hosts, or none, is refused: each reader might take another', async () => {
    await using server = await TestServer.start();
    const { port } = server.running;
    for (const hosts of ['Host: x\r\nHost: evil.example', 'X: y', 'Host: x\r\nhost: x']) {
      const asked = await Promise.all([
        exchange(port, 'tls', `GET /v1/health HTTP/1.1\r\n${hosts}\r\n\r\n`),
        exchange(port, 'plain', `GET /boot/ipxe HTTP/1.1\r\n${hosts}\r\n\r\n`),
      ]);
      for (const text of asked) expect([hosts, statuses(text)]).toEqual([hosts, [400]]);
    }
  });

  it('to become something else, with another one behind it, is the last of its connection', async () => {
    await using server = await TestServer.start();
    const { port } = server.running;
    for (const upgrade of ['h2c', 'websocket', 'TLS/1.2', 'x']) {
      const headers = `Host: x\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAAA\r\nUpgrade: ${upgrade}`;
      for (const target of ['/v1/events', '/v1/agent', '/v1/health']) {
        const text = await exchange(port, 'tls', `GET ${target} HTTP/1.1\r\n${headers}\r\n\r\n${smuggled}`);
        expect([upgrade, target, statuses(text).filter((status) => status < 400)]).toEqual([upgrade, target, []]);
        expect([upgrade, target, statuses(text).length]).toEqual([upgrade, target, 1]);
      }
      const plain = await exchange(port, 'plain', `GET /nothing HTTP/1.1\r\n${headers}\r\n\r\n${plainSmuggled}`);
      expect([upgrade, statuses(plain).includes(101)]).toEqual([upgrade, false]);
    }
  });

  it('says nothing in trailers, in headers for proxies, or after a fault that counts', async () => {
    await using server = await TestServer.start();
    const { port } = server.running;
    const head = (method: string, target: string, more: string) =>
      `${method} ${target} HTTP/1.1\r\nHost: x\r\n${more}\r\n\r\n`;
    const chunked = 'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nTrailer: Authorization';
    const trailer = `${head('POST', '/v1/scenarios', chunked)}2\r\n{}\r\n0\r\n${bearer(server)}\r\n\r\n`;
    expect(statuses(await exchange(port, 'tls', trailer))).toEqual([401]);
    const extended = `${head('POST', '/v1/sessions', chunked)}2;${'x'.repeat(100_000)}\r\n{}\r\n0\r\n\r\n`;
    expect(statuses(await exchange(port, 'tls', extended)).filter((status) => status < 400)).toEqual([]);
    // A fault in the first: what follows it is not read as another.
    for (const fault of ['Content-Length: x', 'X\x01: y', 'X: a\nb', ': y', 'X y: z']) {
      const text = await exchange(port, 'tls', head('GET', '/v1/health', fault) + smuggled);
      expect([fault, statuses(text)]).toEqual([fault, [400]]);
    }
    // Headers by which proxies say what was asked: of them this server believes none.
    const told = {
      'x-http-method-override': 'DELETE',
      'x-original-url': '/v1/audit',
      'x-rewrite-url': '/v1/audit',
      'x-forwarded-host': 'evil.example',
    };
    expect((await server.tls('/v1/health', { headers: told })).status).toBe(200);
    const codes: string[] = [];
    for (let i = 0; i < 6; i++) {
      const headers = {
        'content-type': 'application/json',
        'x-forwarded-for': `192.0.2.${i}`,
        forwarded: `for=192.0.2.${i}`,
      };
      const body = JSON.stringify({ name: 'ann', password: 'wrong' });
      codes.push(errorCode(await server.tls('/v1/sessions', { method: 'POST', headers, body })));
    }
    expect(codes).toEqual([...Array(5).fill('unauthorized'), 'too-many-requests']);
  });

  it('for the head alone of what is not public is as closed as for all of it', async () => {
    await using server = await TestServer.start();
    for (const { path: pattern } of routes.filter(({ method, access }) => method === 'GET' && access !== 'public')) {
      const target = pattern.replace(/:digest/, 'a'.repeat(64)).replace(/:\w+/g, 'nothing');
      const { status, body } = await server.tls(target, { method: 'HEAD' });
      expect([pattern, status, body.length]).toEqual([pattern, 401, 0]);
    }
  });
});
