// Users, their logins and tokens, what each role may, and the record of what they did.
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import type { AuditEntry, PersonToken } from '../../protocol/people.ts';
import { mayAtLeast } from '../../server/people/person-tokens.ts';
import { routes } from '../../server/routes.ts';
import { openByText } from '../fixtures/databases.ts';
import { errorCode, TestServer } from './support.ts';

const password = 'correct horse battery';
type Session = PersonToken & { token: string };

const post = (server: TestServer, path: string, body: unknown, headers: Record<string, string> = {}) =>
  server.tls(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

async function logIn(server: TestServer, name: string, text = password): Promise<Session> {
  const answer = await post(server, '/v1/sessions', { name, password: text });
  if (answer.status !== 201) throw new Error(`${answer.status} ${answer.body}`);
  return JSON.parse(answer.body.toString());
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const addUser = (server: TestServer, name: string, role: string) =>
  server.api<{ id: string }>('POST', '/v1/users', { name, password, role });

describe('a user', () => {
  it('logs in under one name however it is written, and out again', async () => {
    await using server = await TestServer.start();
    await addUser(server, 'Jörg Müller', 'viewer');
    const clash = await post(server, '/v1/users', { name: 'JÖRG MÜLLER', password, role: 'viewer' }, server.operator);
    expect(errorCode(clash)).toBe('user-exists');
    const { token, expiresAt } = await logIn(server, 'jörg müller'.normalize('NFD'));
    expect(Date.parse(expiresAt ?? '')).toBeGreaterThan(Date.now());
    const me = await server.tls('/v1/me', { headers: bearer(token) });
    expect(JSON.parse(me.body.toString())).toMatchObject({ name: 'Jörg Müller', role: 'viewer' });
    expect((await server.tls('/v1/sessions/own', { method: 'DELETE', headers: bearer(token) })).status).toBe(204);
    expect((await server.tls('/v1/me', { headers: bearer(token) })).status).toBe(401);
  });

  it('is told the same whether the name or the password is wrong, and has to wait after five tries', async () => {
    await using server = await TestServer.start();
    await addUser(server, 'ann', 'viewer');
    const tries = [];
    for (let i = 0; i < 6; i++) tries.push(await post(server, '/v1/sessions', { name: 'ann', password: `wrong ${i}` }));
    expect(tries.map(errorCode)).toEqual([...Array(5).fill('unauthorized'), 'too-many-requests']);
    // The right one does not help meanwhile; another name is not in its way.
    expect(errorCode(await post(server, '/v1/sessions', { name: 'Ann', password }))).toBe('too-many-requests');
    const unknown = await post(server, '/v1/sessions', { name: 'bob', password: 'wrong' });
    expect(unknown.body.equals(tries[0]?.body ?? Buffer.alloc(0))).toBe(true);
    const { entries } = await server.api<{ entries: AuditEntry[] }>('GET', '/v1/audit');
    expect(entries.map(({ who, action, outcome }) => [who, action, outcome])).toEqual([
      ['unknown user', 'login', 'unauthorized'],
      ...Array(5).fill(['ann', 'login', 'unauthorized']),
      ['operator token', 'POST /v1/users', 'ok'],
    ]);
  });

  it('has no name that the records write where no user asked', async () => {
    await using server = await TestServer.start();
    for (const name of ['Operator token', 'settings', 'Schedule nightly', 'ｓettings']) {
      await expect(addUser(server, name, 'viewer')).rejects.toThrow('invalid-input');
    }
    await addUser(server, 'schedules', 'viewer');
  });

  it('that is disabled, demoted or has a new password is so at once, with all tokens', async () => {
    await using server = await TestServer.start();
    const { id } = await addUser(server, 'ann', 'operator');
    const session = await logIn(server, 'ann');
    const api = await post(server, '/v1/tokens', { label: 'nightly', days: 1 }, bearer(session.token));
    const { token } = JSON.parse(api.body.toString()) as Session;
    const see = async (path: string) => [
      (await server.tls(path, { headers: bearer(session.token) })).status,
      (await server.tls(path, { headers: bearer(token) })).status,
    ];
    expect(await see('/v1/machines')).toEqual([200, 200]);
    const run = () => post(server, '/v1/jobs', {}, bearer(token));
    expect(errorCode(await run())).toBe('invalid-input');
    await server.api('PATCH', `/v1/users/${id}`, { role: 'viewer' });
    expect(errorCode(await run())).toBe('forbidden');
    await server.api('PATCH', `/v1/users/${id}`, { disabled: true });
    expect(await see('/v1/machines')).toEqual([401, 401]);
    await expect(logIn(server, 'ann')).rejects.toThrow('401');
    await server.api('PATCH', `/v1/users/${id}`, { disabled: false, password: 'another long password' });
    // Logins end; what scripts hold goes on until it is revoked.
    expect(await see('/v1/machines')).toEqual([401, 200]);
    await logIn(server, 'ann', 'another long password');
    await server.api('DELETE', `/v1/users/${id}`);
    expect(await see('/v1/machines')).toEqual([401, 401]);
  });

  it('needs a password that is long, and its hash is all that is kept of it', async () => {
    await using server = await TestServer.start();
    const short = await post(server, '/v1/users', { name: 'x', password: 'short', role: 'viewer' }, server.operator);
    expect(errorCode(short)).toBe('invalid-input');
    await addUser(server, 'ann', 'viewer');
    const { token } = await logIn(server, 'ann');
    const db = await openByText(server.database);
    const rows = [
      await db.selectFrom('users').selectAll().execute(),
      await db.selectFrom('personTokens').selectAll().execute(),
      await db.selectFrom('audit').selectAll().execute(),
    ];
    await db.destroy();
    expect(JSON.stringify(rows)).toMatch(/\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(JSON.stringify(rows)).not.toContain(password);
    expect(JSON.stringify(rows)).not.toContain(token);
  });
});

describe('a token for a script', () => {
  it('may no more than whoever made it, and is revoked by them or an administrator', async () => {
    await using server = await TestServer.start();
    await addUser(server, 'ann', 'operator');
    await addUser(server, 'eve', 'viewer');
    const [ann, eve] = [await logIn(server, 'ann'), await logIn(server, 'eve')];
    const make = async (by: string, body: object) => post(server, '/v1/tokens', body, bearer(by));
    expect(errorCode(await make(ann.token, { label: 'x', role: 'administrator' }))).toBe('forbidden');
    const looks = JSON.parse((await make(ann.token, { label: 'x', role: 'viewer' })).body.toString()) as Session;
    expect(errorCode(await make(looks.token, { label: 'y', role: 'operator' }))).toBe('forbidden');
    expect(errorCode(await post(server, '/v1/tokens', { label: 'x' }, server.operator))).toBe('forbidden');
    expect(errorCode(await post(server, '/v1/jobs', {}, bearer(looks.token)))).toBe('forbidden');

    const seen = async (headers: Record<string, string>) =>
      (JSON.parse((await server.tls('/v1/tokens', { headers })).body.toString()) as PersonToken[]).map(
        ({ userName, kind }) => `${userName} ${kind}`,
      );
    expect(await seen(bearer(eve.token))).toEqual(['eve session']);
    expect(await seen(server.operator)).toEqual(['ann session', 'eve session', 'ann api']);
    const revoke = (headers: Record<string, string>) =>
      server.tls(`/v1/tokens/${looks.id}`, { method: 'DELETE', headers });
    expect(errorCode(await revoke(bearer(eve.token)))).toBe('token-not-found');
    expect((await revoke(bearer(ann.token))).status).toBe(204);
    expect((await server.tls('/v1/me', { headers: bearer(looks.token) })).status).toBe(401);
  });

  it('lapses', async () => {
    await using server = await TestServer.start();
    await addUser(server, 'ann', 'viewer');
    const { token, id } = await logIn(server, 'ann');
    const db = await openByText(server.database);
    await db.updateTable('personTokens').set({ expiresAt: '2020-01-01T00:00:00.000Z' }).where('id', '=', id).execute();
    await db.destroy();
    expect((await server.tls('/v1/me', { headers: bearer(token) })).status).toBe(401);
  });
});

describe("a browser's session", () => {
  it('is a cookie that no script reads, and that no page of another server can use', async () => {
    await using server = await TestServer.start();
    await addUser(server, 'ann', 'operator');
    const answer = await post(server, '/v1/sessions', { name: 'ann', password });
    const [cookie = ''] = answer.headers['set-cookie'] as string[];
    expect(cookie).toMatch(/^__Host-deploy-os=dus_\S+; Path=\/; Secure; HttpOnly; SameSite=Strict$/);
    const own = { cookie: cookie.split(';', 1)[0] ?? '' };
    expect((await server.tls('/v1/machines', { headers: own })).status).toBe(200);
    for (const origin of [{}, { origin: 'https://evil.example' }, { origin: 'null' }]) {
      const forged = await post(
        server,
        '/v1/scenarios',
        { name: 'x', steps: [{ kind: 'check' }] },
        { ...own, ...origin },
      );
      expect(errorCode(forged)).toBe('forbidden');
    }
    const origin = `https://127.0.0.1:${server.running.port}`;
    const body = { name: 'x', steps: [{ kind: 'check' }] };
    expect((await post(server, '/v1/scenarios', body, { ...own, origin })).status).toBe(201);
  });
});

describe('a role', () => {
  const path = (text: string) => text.replace(/:digest/, 'a'.repeat(64)).replace(/:\w+/g, 'nothing');

  it.each(['none', 'viewer', 'operator', 'administrator'] as const)(
    '%s may what its routes are for, and nothing more',
    async (role) => {
      await using server = await TestServer.start();
      await addUser(server, 'ann', role);
      const { token } = await logIn(server, 'ann');
      // Last, since it ends this login.
      const asked = routes.filter((route) => route.access !== 'public' && route.path !== '/v1/sessions/own');
      for (const { method, path: pattern, access } of asked) {
        const wanted = access === 'job' || access === 'storing-job' || access === 'public' ? 'operator' : access;
        const answer = await server.tls(path(pattern), { method, headers: bearer(token) });
        const refused =
          answer.status === 403 && errorCode(answer) === 'forbidden' && /takes the role/.test(`${answer.body}`);
        expect([`${method} ${pattern}`, refused]).toEqual([`${method} ${pattern}`, !mayAtLeast(role, wanted)]);
        expect(answer.status).not.toBe(500);
      }
    },
  );
});

describe('the audit log', () => {
  it('has what was done and what was refused, page by page, and cannot be changed', async () => {
    await using server = await TestServer.start();
    await server.api('POST', '/v1/scenarios', { name: 'look', steps: [{ kind: 'check' }] });
    await expect(server.api('POST', '/v1/jobs', { scenario: 'look', machine: 'gone' })).rejects.toThrow('404');
    await server.api('DELETE', '/v1/scenarios/look');
    const page = (query: string) =>
      server.api<{ entries: AuditEntry[]; next: string | null }>('GET', `/v1/audit?limit=2${query}`);
    const first = await page('');
    expect(first.entries).toMatchObject([
      {
        action: 'DELETE /v1/scenarios/:id',
        about: { id: 'look' },
        outcome: 'ok',
        who: 'operator token',
        address: '127.0.0.1',
      },
      { action: 'POST /v1/jobs', about: { scenario: 'look', machine: 'gone' }, outcome: 'machine-not-found' },
    ]);
    expect(await page(`&before=${first.next}`)).toMatchObject({
      entries: [{ action: 'POST /v1/scenarios', about: { name: 'look' }, outcome: 'ok' }],
      next: null,
    });
    const db = await openByText(server.database);
    const change = [sql`update audit set who = 'nobody'`, sql`delete from audit`];
    for (const statement of change) await expect(statement.execute(db)).rejects.toThrow('never changed');
    await db.destroy();
  });
});
