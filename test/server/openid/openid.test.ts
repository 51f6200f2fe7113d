// Logging in through a real provider of OpenID Connect: who gets in, as whom, and what is not believed.
import { describe, expect, it } from 'vitest';
import type { AuditEntry, User } from '../../../protocol/people.ts';
import { errorCode } from '../support.ts';
import { OpenIdScene, startPath } from './openid-scene.ts';

const password = 'correct horse battery';
const decode = (cookie: string) => JSON.parse(Buffer.from(cookie.split('=')[1] ?? '', 'base64url').toString());
const encode = (attempt: object) =>
  `__Host-deploy-os-openid=${Buffer.from(JSON.stringify(attempt)).toString('base64url')}`;

describe('somebody who logs in through OpenID Connect', () => {
  it('is a user of their own, with the greatest role of their groups, by the cookie of any login', async () => {
    await using scene = await OpenIdScene.open();
    const { server, provider } = scene;
    expect(await server.api('GET', '/v1/setup')).toMatchObject({ openId: true });
    provider.people.set('sub-1', { preferred_username: 'ann', groups: ['everybody', 'ops', 'others'] });
    const { location, setCookie } = await scene.begin();
    expect(setCookie).toMatch(/; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=600$/);
    const asked = new URL(location).searchParams;
    expect([asked.get('response_type'), asked.get('code_challenge_method')]).toEqual(['code', 'S256']);
    const answer = await scene.logIn('sub-1');
    expect([answer.status, answer.headers.location]).toEqual([302, '/']);
    expect((answer.headers['set-cookie'] as string[]).at(-1)).toMatch(/; Secure; HttpOnly; SameSite=Strict$/);
    const me = JSON.parse(`${(await scene.see(answer)).body}`);
    expect(me).toMatchObject({ name: 'ann', role: 'operator', user: { openIdIssuer: provider.issuer } });

    // Again, as the same user, under the name that an administrator sees; with fewer groups, for less.
    provider.people.set('sub-1', { preferred_username: 'root', groups: ['everybody'] });
    const second = await scene.logIn('sub-1');
    expect(JSON.parse(`${(await scene.see(second)).body}`)).toMatchObject({
      name: 'ann',
      role: 'viewer',
      user: { id: me.user.id },
    });
    // The first login may no more than that either.
    expect(JSON.parse(`${(await scene.see(answer)).body}`).role).toBe('viewer');
    const { entries } = await server.api<{ entries: AuditEntry[] }>('GET', '/v1/audit');
    expect(entries.map(({ who, action, outcome }) => [who, action, outcome])).toEqual(
      Array(2).fill(['ann', 'login by OpenID Connect', 'ok']),
    );
  });

  it('is not the local user of that name, whose password goes on to work, and has none', async () => {
    await using scene = await OpenIdScene.open();
    const { server, provider } = scene;
    await server.api('POST', '/v1/users', { name: 'Ann', password, role: 'administrator' });
    provider.people.set('sub-1', { preferred_username: 'ann', email: 'ann@example.org', groups: ['everybody'] });
    provider.people.set('sub-2', { preferred_username: 'operator token', groups: ['everybody'] });
    for (const subject of ['sub-1', 'sub-2']) expect((await scene.logIn(subject)).status).toBe(302);
    const users = await server.api<User[]>('GET', '/v1/users');
    expect(users.map(({ name, role }) => [name, role])).toEqual([
      ['Ann', 'administrator'],
      ['ann (127.0.0.1)', 'viewer'],
      ['operator token (127.0.0.1)', 'viewer'],
    ]);
    await server.api('POST', '/v1/sessions', { name: 'ann', password });
    for (const guess of ['', '!', password]) {
      await expect(server.api('POST', '/v1/sessions', { name: 'ann (127.0.0.1)', password: guess })).rejects.toThrow(
        '401',
      );
    }
    for (const patch of [{ password }, { role: 'administrator' }]) {
      await expect(server.api('PATCH', `/v1/users/${users[1]?.id}`, patch)).rejects.toThrow('OpenID Connect');
    }
  });

  it('is kept out when disabled here; and when no group has a role any more, which ends logins and tokens, too', async () => {
    await using scene = await OpenIdScene.open();
    const { server, provider } = scene;
    provider.people.set('sub-1', { preferred_username: 'ann', groups: 'ops' });
    const answer = await scene.logIn('sub-1');
    const { user } = JSON.parse(`${(await scene.see(answer)).body}`);
    await server.api('PATCH', `/v1/users/${user.id}`, { disabled: true });
    expect(errorCode(await scene.logIn('sub-1'))).toBe('unauthorized');
    expect((await scene.see(answer)).status).toBe(401);
    await server.api('PATCH', `/v1/users/${user.id}`, { disabled: false });
    expect((await scene.see(answer)).status).toBe(200);

    provider.people.set('sub-1', { preferred_username: 'ann', groups: ['constructor', '__proto__', 'nobody'] });
    expect(errorCode(await scene.logIn('sub-1'))).toBe('forbidden');
    expect((await scene.see(answer)).status).toBe(401);
    provider.people.set('sub-9', { preferred_username: 'eve' });
    expect(errorCode(await scene.logIn('sub-9'))).toBe('forbidden');
    expect((await server.api<User[]>('GET', '/v1/users')).map(({ name }) => name)).toEqual(['ann']);
  });
});

describe('an answer from the provider', () => {
  it('is believed once, by the browser that asked for it, with its state, nonce and verifier, and from that issuer', async () => {
    await using scene = await OpenIdScene.open();
    const { provider } = scene;
    provider.people.set('sub-1', { preferred_username: 'ann', groups: ['ops'] });
    const changes: [string, (url: URL, attempt: Record<string, string>) => void][] = [
      ['another state', (url) => url.searchParams.set('state', 'x'.repeat(43))],
      ['no state', (url) => url.searchParams.delete('state')],
      ['another issuer', (url) => url.searchParams.set('iss', 'https://evil.example')],
      ['another code', (url) => url.searchParams.set('code', 'x'.repeat(43))],
      ['another nonce', (_url, attempt) => Object.assign(attempt, { nonce: 'x'.repeat(43) })],
      ['another verifier', (_url, attempt) => Object.assign(attempt, { verifier: 'x'.repeat(43) })],
    ];
    const outcomes: unknown[] = [];
    for (const [name, change] of changes) {
      // The count of wrong tries is not what keeps these out.
      await scene.logIn('sub-1');
      const { location, cookie } = await scene.begin();
      const url = await provider.logIn(location, 'sub-1');
      const attempt = decode(cookie);
      change(url, attempt);
      const answer = await scene.back(url, encode(attempt));
      outcomes.push([name, errorCode(answer), `${answer.headers['set-cookie']}`.includes('dus_')]);
    }
    expect(outcomes).toEqual(changes.map(([name]) => [name, 'unauthorized', false]));

    const { location, cookie } = await scene.begin();
    const url = await provider.logIn(location, 'sub-1');
    expect(errorCode(await scene.back(url, ''))).toBe('unauthorized');
    const other = await scene.begin();
    expect(errorCode(await scene.back(url, other.cookie))).toBe('unauthorized');
    expect((await scene.back(url, cookie)).status).toBe(302);
    expect(errorCode(await scene.back(url, cookie))).toBe('unauthorized');
  });

  it('is not asked for without end: wrong tries of an address have to wait', async () => {
    await using scene = await OpenIdScene.open();
    const url = new URL(`https://x${startPath}/callback?code=x&state=${'x'.repeat(43)}`);
    const codes = [];
    for (let i = 0; i < 6; i++) {
      const { cookie } = await scene.begin();
      codes.push(errorCode(await scene.back(url, cookie)));
    }
    expect(codes).toEqual([...Array(5).fill('unauthorized'), 'too-many-requests']);
  });

  it('that does not come is said to be so, and the next one is taken', async () => {
    await using scene = await OpenIdScene.open({ issuer: 'http://127.0.0.1:9' });
    expect(errorCode(await scene.server.tls(startPath))).toBe('server-unreachable');
    await scene.server.restart();
    expect(errorCode(await scene.server.tls(startPath))).toBe('usage');
    expect(await scene.server.api('GET', '/v1/setup')).toMatchObject({ openId: false });
  });
});

describe('the file of --openid', () => {
  it.each([
    ['no roles', { roles: {} }, 'names no group'],
    ['a role that is none', { roles: { x: 'god' } }, 'roles'],
    ['an issuer without TLS elsewhere', { issuer: 'http://id.example' }, 'must be https'],
    ['an unknown key', { clientSecret: 'x' }, 'clientSecret'],
    ['no secret where it says', { clientSecretFile: 'nothing' }, 'ENOENT'],
    ['no openid in its scopes', { scopes: ['profile'] }, "must have 'openid'"],
  ])('with %s is refused at the start', async (_, more, words) => {
    await expect(OpenIdScene.open(more)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining(words),
    });
  });
});
