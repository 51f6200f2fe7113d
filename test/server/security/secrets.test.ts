// The log at its most talkative, the audit log and the answers, after everything that takes or makes a secret was done: none of them is in there.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Machine } from '../../../protocol/rest.ts';
import { openByText } from '../../fixtures/databases.ts';
import { ScriptedAgent } from '../scripted-agent.ts';
import { TestServer, uuidA } from '../support.ts';

/** All that the process writes to stderr, where the log goes. */
function listen(): { readonly text: () => string; readonly stop: () => void } {
  const write = process.stderr.write;
  let said = '';
  process.stderr.write = ((part: string | Uint8Array) => {
    said += typeof part === 'string' ? part : Buffer.from(part).toString();
    return true;
  }) as typeof write;
  return {
    text: () => said,
    stop: () => {
      process.stderr.write = write;
    },
  };
}

const passwords = ['correct horse battery', 'wrong-horse-battery-1', 'another long password 2'];
const bmcPassword = 'bmc-password-of-web-01';

describe('no secret', () => {
  it('is in the log, in the audit log, or in an answer that is not its maker’s', async () => {
    const log = listen();
    const secrets = new Map<string, string>(passwords.map((text) => [`password ${text}`, text]));
    let told = '';
    let kept = '';
    try {
      await using server = await TestServer.start({ logLevel: 'debug', approve: 'all' });
      const ask = async (method: string, target: string, headers: Record<string, string>, body?: unknown) => {
        const json: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
        const options = { method, headers: { ...headers, ...json } };
        return server.tls(target, body === undefined ? options : { ...options, body: JSON.stringify(body) });
      };
      secrets.set('operator token', server.running.operatorToken);
      secrets.set(
        'private key',
        (await readFile(path.join(server.dataDir, 'tls/ca.key'), 'utf8')).split('\n')[1] ?? '',
      );

      const [good = '', wrong = '', next = ''] = passwords;
      await server.api('POST', '/v1/users', { name: 'ann', password: good, role: 'administrator' });
      await ask('POST', '/v1/sessions', {}, { name: 'ann', password: wrong });
      // Somebody types the password into the wrong field, or a program sends it where none belongs.
      await ask('POST', '/v1/sessions', {}, { name: good, password: 'x' });
      await ask('POST', '/v1/sessions', {}, { nam: 'ann', password: good });
      const login = await ask('POST', '/v1/sessions', {}, { name: 'ann', password: good });
      const session: string = JSON.parse(`${login.body}`).token;
      secrets.set('session', session);
      const cookie = { cookie: `__Host-deploy-os=${session}`, origin: `https://127.0.0.1:${server.running.port}` };
      const made = await ask('POST', '/v1/tokens', cookie, { label: 'nightly' });
      secrets.set('script token', JSON.parse(`${made.body}`).token);
      await ask('GET', '/v1/machines', { authorization: `Bearer ${secrets.get('script token')}x` });
      await ask('GET', '/v1/machines', { authorization: `Bearer ${secrets.get('script token')}` });
      await ask('PATCH', '/v1/users/ann', cookie, { password: next });
      const enrolment = await server.api<{ secret: string }>('POST', '/v1/enrolments', { label: 'hall' });
      secrets.set('enrolment secret', enrolment.secret);
      await ask('POST', '/v1/boot-token', {}, { uuid: uuidA, macs: [], secret: enrolment.secret });
      const boot = await server.bootToken(uuidA);
      secrets.set('boot token', boot);
      const agent = await ScriptedAgent.join({ port: server.running.port, token: boot, uuid: uuidA });
      await agent.next('welcome');
      await ask('GET', '/v1/chunks/x', agent.headers);
      agent.send({ type: 'log', level: 'info', message: 'hello from the agent' });
      const [machine] = (await server.machines()) as [Machine];
      const power = { driver: 'ipmi', host: '127.0.0.1', user: 'admin', password: bmcPassword };
      secrets.set('BMC password', bmcPassword);
      const set = await ask('PUT', `/v1/machines/${machine.id}/power`, server.operator, power);
      expect([set.status, `${set.body}`]).toEqual([200, expect.anything()]);

      for (const target of [
        '/v1/audit?limit=1000',
        '/v1/users',
        '/v1/tokens',
        '/v1/enrolments',
        '/v1/machines',
        `/v1/machines/${machine.id}`,
      ]) {
        told += `${(await ask('GET', target, server.operator)).body}`;
      }
      told += `${(await ask('GET', `/v1/machines/${machine.id}/power`, server.operator)).body}${set.body}`;
      const db = await openByText(server.database);
      for (const table of [
        'users',
        'personTokens',
        'bootTokens',
        'enrolments',
        'audit',
        'machines',
        'settings',
      ] as const) {
        kept += JSON.stringify(await db.selectFrom(table).selectAll().execute());
      }
      await db.destroy();
      agent.cut();
    } finally {
      log.stop();
    }
    // It was listened to, and it talks.
    expect(log.text()).toContain('/v1/chunks/x');
    expect(log.text()).toContain('hello from the agent');
    expect(told).toContain('unknown user');
    const found = (text: string) => [...secrets].filter(([, secret]) => text.includes(secret)).map(([name]) => name);
    expect(secrets.size).toBe(10);
    for (const [name, secret] of secrets) expect([name, secret.length > 10]).toEqual([name, true]);
    expect({ log: found(log.text()), answers: found(told), database: found(kept) }).toEqual({
      log: [],
      answers: [],
      database: [],
    });
  });
});
