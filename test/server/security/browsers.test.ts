// What a browser is told with every answer, and what a page of another site gets done with the cookie of somebody who is logged in: nothing.
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { Route } from '../../../server/route.ts';
import { routes } from '../../../server/routes.ts';
import { type Answer, errorCode, TestServer, uuidA } from '../support.ts';

const password = 'correct horse battery';
const pathOf = ({ path }: Pick<Route, 'path'>) => path.replace(/:digest/, 'a'.repeat(64)).replace(/:\w+/g, 'nothing');
const json = { 'content-type': 'application/json' };

/** The cookie of somebody who may everything. */
async function logIn(server: TestServer): Promise<{ cookie: string }> {
  await server.api('POST', '/v1/users', { name: 'ann', password, role: 'administrator' });
  const body = JSON.stringify({ name: 'ann', password });
  const answer = await server.tls('/v1/sessions', { method: 'POST', headers: json, body });
  const [cookie = ''] = answer.headers['set-cookie'] as string[];
  return { cookie: cookie.split(';', 1)[0] ?? '' };
}

const isForeign = (answer: Answer) => answer.status === 403 && `${answer.body}`.includes('a page of another server');

describe('a page of another site', () => {
  it('changes nothing by the cookie of whoever is logged in, on no route, and neither does one without a name', async () => {
    await using server = await TestServer.start();
    const own = await logIn(server);
    const here = `https://127.0.0.1:${server.running.port}`;
    const foreign: Record<string, string>[] = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: here.replace('https', 'http') },
      { origin: 'https://127.0.0.1:1' },
      { origin: here, 'sec-fetch-site': 'cross-site' },
      { origin: here, 'sec-fetch-site': 'same-site' },
    ];
    const changes = routes.filter(({ method }) => method !== 'GET');
    expect(changes.length).toBeGreaterThan(20);
    for (const route of changes) {
      const name = `${route.method} ${route.path}`;
      for (const headers of [...foreign, ...(route.access === 'public' ? [] : [{}])]) {
        const answer = await server.tls(pathOf(route), { method: route.method, headers: { ...own, ...headers } });
        expect([name, headers, isForeign(answer)]).toEqual([name, headers, true]);
      }
      // Its own page gets further; the login is needed for the next one.
      if (route.path === '/v1/sessions/own') continue;
      const headers = { ...own, origin: here, 'sec-fetch-site': 'same-origin' };
      const answer = await server.tls(pathOf(route), { method: route.method, headers });
      expect([name, isForeign(answer)]).toEqual([name, false]);
    }
  });

  it('cannot log somebody in as somebody else, nor make a token for a machine, without any cookie', async () => {
    await using server = await TestServer.start();
    await logIn(server);
    const headers = { ...json, origin: 'https://evil.example' };
    for (const [target, body] of [
      ['/v1/sessions', { name: 'ann', password }],
      ['/v1/boot-token', { uuid: uuidA, macs: [] }],
    ] as const) {
      const answer = await server.tls(target, { method: 'POST', headers, body: JSON.stringify(body) });
      expect([target, isForeign(answer), answer.headers['set-cookie']]).toEqual([target, true, undefined]);
      // What a form of any site can send, unasked, is not read.
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
        const form = { method: 'POST', headers: { 'content-type': type }, body: JSON.stringify(body) };
        expect([type, errorCode(await server.tls(target, form))]).toEqual([type, 'invalid-input']);
      }
    }
  });

  it('reads nothing by the cookie, and is given no leave to read anything', async () => {
    await using server = await TestServer.start();
    const own = await logIn(server);
    const cross = { ...own, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
    for (const route of routes.filter(({ method, access }) => method === 'GET' && access !== 'public')) {
      const answer = await server.tls(pathOf(route), { headers: cross });
      expect([route.path, isForeign(answer)]).toEqual([route.path, true]);
    }
    const asked = { method: 'OPTIONS', headers: { ...cross, 'access-control-request-method': 'POST' } };
    for (const answer of [
      await server.tls('/v1/jobs', asked),
      await server.tls('/v1/health', { headers: cross }),
      await server.tls('/v1/machines', { headers: { ...cross, ...server.operator } }),
    ]) {
      expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
  });

  it('opens no WebSocket by the cookie', async () => {
    await using server = await TestServer.start();
    const { cookie } = await logIn(server);
    const open = (path: string, headers: Record<string, string>) =>
      new Promise((resolve) => {
        const url = `wss://127.0.0.1:${server.running.port}${path}`;
        const socket = new WebSocket(url, { rejectUnauthorized: false, headers: { cookie, ...headers } });
        socket.on('error', () => {});
        socket.once('open', () => resolve('open'));
        socket.once('unexpected-response', (_request, { statusCode }) => resolve(statusCode));
      }).then((outcome) => [path, outcome]);
    const here = `https://127.0.0.1:${server.running.port}`;
    for (const headers of [{}, { origin: 'https://evil.example' }, { origin: here, 'sec-fetch-site': 'cross-site' }]) {
      expect(await open('/v1/events', headers)).toEqual(['/v1/events', 403]);
    }
    expect(await open('/v1/events', { origin: here })).toEqual(['/v1/events', 'open']);
    // A machine's channel takes a machine's token, and a browser has none to send.
    expect(await open('/v1/agent', { origin: here })).toEqual(['/v1/agent', 401]);
  });
});

describe('every answer', () => {
  it('is of a type that no browser guesses, runs no script but the own, and stands in no frame', async () => {
    await using server = await TestServer.start();
    for (const target of ['/', '/v1/health', '/v1/machines', '/v1/nothing', `/v1/jobs/%3Cscript%3E`, '/v1/%00', '/%']) {
      for (const headers of [{}, server.operator]) {
        const answer = await server.tls(target, { headers });
        expect([target, answer.headers]).toEqual([
          target,
          expect.objectContaining({
            'content-type': expect.stringMatching(/^(application\/json|text\/(html|plain))/),
            'x-content-type-options': 'nosniff',
            'x-frame-options': 'DENY',
            'referrer-policy': 'same-origin',
          }),
        ]);
        const policy = String(answer.headers['content-security-policy']);
        expect(policy).toMatch(/^default-src 'self';.*frame-ancestors 'none'$/);
        expect(policy).not.toMatch(/unsafe|https?:|\*/);
      }
    }
    const plain = await server.plain('/ca.pem');
    expect(plain.headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'content-type': /^text\/plain/ });
  });

  it('gives names back as JSON, whatever is in them', async () => {
    await using server = await TestServer.start();
    const name = `<script>alert(1)</script>"'&\u2028`;
    await server.api('POST', '/v1/scenarios', { name, steps: [{ kind: 'check' }] });
    const list = await server.tls('/v1/scenarios', { headers: server.operator });
    expect(list.headers['content-type']).toMatch(/^application\/json/);
    expect(JSON.parse(`${list.body}`)).toMatchObject([{ name }]);
    const refused = await server.tls(`/v1/machines/${encodeURIComponent(name)}`, { headers: server.operator });
    expect([refused.headers['content-type'], errorCode(refused)]).toEqual([
      expect.stringMatching(/^application\/json/),
      'machine-not-found',
    ]);
  });
});
