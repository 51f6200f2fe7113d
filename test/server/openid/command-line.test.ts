// `deploy-os login --openid`: the real command, a browser at the real provider, and the code that goes from one to the other; and what others do with it.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { AuditEntry, User } from '../../../protocol/people.ts';
import { openByText } from '../../fixtures/databases.ts';
import { errorCode, eventually } from '../support.ts';
import { OpenIdScene, startPath } from './openid-scene.ts';

const main = path.join(import.meta.dirname, '../../../cli/main.ts');
const verifier = 'v'.repeat(43);
const challengeOf = (text: string) => createHash('sha256').update(text).digest('base64url');
const codeIn = (text: unknown) => /\bdlc_[\w-]{22}\b/.exec(`${text}`)?.[0] ?? '';

describe('the command line', () => {
  it('is logged in by the code that the browser shows, for as long as the file of --openid says', async () => {
    await using scene = await OpenIdScene.open({ sessionHours: 2 });
    const { server, provider } = scene;
    provider.people.set('sub-1', { preferred_username: 'ann', groups: ['ops'] });
    const { PATH, NODE_COMPILE_CACHE } = process.env;
    const config = path.join(server.dataDir, 'config');
    const env = { PATH, NODE_COMPILE_CACHE, HOME: server.dataDir, XDG_CONFIG_HOME: config };
    const at = ['--server', server.running.url, '--ca', server.running.caFingerprint];
    const run = (...args: string[]) => {
      const child = spawn(process.execPath, [main, ...args], { env });
      const said = { out: '', err: '', status: null as number | null };
      child.stdout.on('data', (text) => (said.out += text));
      child.stderr.on('data', (text) => (said.err += text));
      child.on('close', (status) => (said.status = status));
      return {
        said,
        type: (text: string) => child.stdin.end(text),
        ended: () => eventually(async () => said.status !== null, 90_000),
      };
    };
    const login = run('login', '--openid', ...at);
    const url = new URL(await eventually(async () => /https:\S+challenge=\S+/.exec(login.said.err)?.[0], 90_000));
    expect(url.origin).toBe(`https://127.0.0.1:${server.running.port}`);
    const answer = await scene.logIn('sub-1', `${url.pathname}${url.search}`);
    // The browser is shown a code as text, and is not logged in itself.
    expect([answer.status, answer.headers['content-type'], answer.headers['cache-control']]).toEqual([
      200,
      'text/plain; charset=utf-8',
      'no-store',
    ]);
    expect(`${answer.headers['set-cookie']}`).not.toContain('dus_');
    login.type(`${codeIn(answer.body)}\n`);
    await login.ended();
    expect(login.said).toMatchObject({ status: 0, out: expect.stringContaining('as ann (operator)') });
    const who = run('whoami');
    await who.ended();
    expect(who.said).toMatchObject({ out: 'ann (operator)\n' });
    const { entries } = await server.api<{ entries: AuditEntry[] }>('GET', '/v1/audit');
    expect(entries.map(({ who: name, action, outcome }) => [name, action, outcome])).toEqual([
      ['ann', 'login by OpenID Connect, command line', 'ok'],
      ['ann', 'login by OpenID Connect', 'ok'],
    ]);
    const [session] = await server.api<{ expiresAt: string }[]>('GET', '/v1/tokens');
    expect(Date.parse(session?.expiresAt ?? '')).toBeLessThan(Date.now() + 2 * 3_600_000);
    const wrong = run('login', '--openid', '--user', 'ann', ...at);
    await wrong.ended();
    expect(wrong.said.status).toBe(2);
  }, 300_000);
});

describe('a code', () => {
  it('is good once, with what its command line kept to itself, for five minutes, while its user is let in', async () => {
    await using scene = await OpenIdScene.open();
    const { server, provider } = scene;
    provider.people.set('sub-1', { preferred_username: 'ann', groups: ['ops'] });
    const show = async () =>
      codeIn((await scene.logIn('sub-1', `${startPath}?challenge=${challengeOf(verifier)}`)).body);
    const redeem = async (code: string, kept = verifier) => {
      const body = JSON.stringify({ code, verifier: kept });
      const headers = { 'content-type': 'application/json' };
      const answer = await server.tls(`${startPath}/code`, { method: 'POST', headers, body });
      return answer.status === 201 ? 'ok' : errorCode(answer);
    };
    const good = await show();
    expect([await redeem(good), await redeem(good)]).toEqual(['ok', 'unauthorized']);
    // Who has seen the code, and the address with its challenge, has neither; and has used the code up.
    const seen = await show();
    for (const kept of ['w'.repeat(43), challengeOf(verifier), verifier])
      expect(await redeem(seen, kept)).toBe('unauthorized');
    expect(await redeem(await show())).toBe('ok');
    const old = await show();
    const db = await openByText(server.database);
    expect(JSON.stringify(await db.selectFrom('loginCodes').selectAll().execute())).not.toContain(old);
    await db
      .updateTable('loginCodes')
      .set({ expiresAt: new Date(Date.now() - 1).toISOString() })
      .execute();
    await db.destroy();
    expect(await redeem(old)).toBe('unauthorized');
    expect(await redeem(await show())).toBe('ok');
    const last = await show();
    const [ann] = await server.api<User[]>('GET', '/v1/users');
    await server.api('PATCH', `/v1/users/${ann?.id}`, { disabled: true });
    expect(await redeem(last)).toBe('unauthorized');
    await server.api('PATCH', `/v1/users/${ann?.id}`, { disabled: false });
    // Guessing has to wait, whoever the code would be of.
    const guesses = [];
    for (let i = 0; i < 5; i++) guesses.push(await redeem('dlc_aaaaaaaaaaaaaaaaaaaaaa'));
    expect(guesses.at(-1)).toBe('too-many-requests');
    for (const challenge of ['short', 'x'.repeat(44), `${'x'.repeat(42)}%0a`]) {
      expect(errorCode(await server.tls(`${startPath}?challenge=${challenge}`))).toBe('invalid-input');
    }
    // A form of another site's page redeems none.
    const form = { 'content-type': 'application/json', origin: 'https://evil.example' };
    const foreign = await server.tls(`${startPath}/code`, { method: 'POST', headers: form, body: '{}' });
    expect(errorCode(foreign)).toBe('forbidden');
  });
});
