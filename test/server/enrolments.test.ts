// A machine whose medium has the secret of an enrolment is approved by itself; a secret that is not good does no harm.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { askToken } from '../../agent/4-register/ask-token.ts';
import { countWrongSecrets } from '../../server/enrolments/secret-tries.ts';
import { hashToken } from '../../server/tokens/operator-token.ts';
import { openByText } from '../fixtures/databases.ts';
import { readWords, writeMadeIso } from '../fixtures/made-iso.ts';
import { errorCode, TestServer } from './support.ts';

const uuid = (n: number) => `5d0b1a4e-0003-4000-8000-00000000000${n}`;

type Made = { id: string; secret: string };

async function bootMedium(server: TestServer, n: number, secret?: string): Promise<string> {
  const ca = await readFile(path.join(server.dataDir, 'tls/ca.pem'), 'utf8');
  const facts = { uuid: uuid(n), macs: [`52:54:00:00:00:0${n}`], ...(secret === undefined ? {} : { secret }) };
  await askToken({ url: server.running.url, ca }, facts);
  const machines = await server.machines();
  return machines.find(({ name }) => name === `52-54-00-00-00-0${n}`)?.state ?? 'none';
}

describe('an enrolment', () => {
  it('approves the machines that come with its secret, also one that has waited, and counts them', async () => {
    await using server = await TestServer.start();
    const { id, secret } = await server.api<Made>('POST', '/v1/enrolments', { label: '教室' });
    expect(await bootMedium(server, 1)).toBe('pending');
    expect(await bootMedium(server, 2, secret)).toBe('approved');
    expect(await bootMedium(server, 1, secret)).toBe('approved');
    expect(await bootMedium(server, 2)).toBe('approved');
    const listed = await server.api<object[]>('GET', '/v1/enrolments');
    expect(listed).toMatchObject([{ id, label: '教室', uses: 2, lastUsedAt: expect.any(String) }]);
    expect(JSON.stringify(listed)).not.toContain(secret);
  });

  it('approves nobody once it is revoked or has expired, nor by a secret that is almost right', async () => {
    await using server = await TestServer.start();
    const make = (validDays: number) => server.api<Made>('POST', '/v1/enrolments', { label: 'x', validDays });
    const [revoked, expired, good] = [await make(1), await make(1e-9), await make(1)];
    await server.api('DELETE', `/v1/enrolments/${revoked.id}`);
    await expect(server.api('DELETE', `/v1/enrolments/${revoked.id}`)).rejects.toThrow('enrolment-not-found');
    const almost = `${good.secret.slice(0, -1)}${good.secret.endsWith('A') ? 'B' : 'A'}`;
    const mixed = good.secret.replace(good.id, expired.id);
    for (const [i, secret] of [revoked.secret, expired.secret, almost, mixed, '', 'x'.repeat(128)].entries()) {
      expect([i, await bootMedium(server, i + 1, secret)]).toEqual([i, 'pending']);
    }
    expect(await bootMedium(server, 9, good.secret)).toBe('approved');
  });

  it('has its secret in no table, only the hash of it', async () => {
    await using server = await TestServer.start();
    const { secret } = await server.api<Made>('POST', '/v1/enrolments', { label: 'x' });
    const db = await openByText(server.database);
    const rows = JSON.stringify(await db.selectFrom('enrolments').selectAll().execute());
    await db.destroy();
    expect(rows).toContain(hashToken(secret));
    expect(rows).not.toContain(secret.slice(-32));
  });

  it('puts its secret onto a medium only while it is good', async () => {
    await using server = await TestServer.start();
    await writeMadeIso(path.join(server.dataDir, 'boot'), '');
    const { id, secret } = await server.api<Made>('POST', '/v1/enrolments', { label: 'x' });
    const ask = () =>
      server.tls('/v1/media/deploy-os.iso?for=https://10.0.0.1:7433', {
        headers: { ...server.operator, 'deploy-enrolment': secret },
      });
    expect(readWords((await ask()).body)?.split(' ')).toContain(`deploy.secret=${secret}`);
    await server.api('DELETE', `/v1/enrolments/${id}`);
    expect(errorCode(await ask())).toBe('enrolment-not-found');
  });
});

describe('wrong secrets', () => {
  it('of one address are no more looked at for a minute after ten, and do nothing to others', async () => {
    const tries = countWrongSecrets();
    for (let i = 0; i < 10; i++) {
      expect(tries.waitMs('a', i)).toBe(0);
      tries.note('a', i);
    }
    expect([tries.waitMs('a', 9), tries.waitMs('b', 9), tries.waitMs('a', 60_009)]).toEqual([60_000, 0, 0]);
    tries.note('a', 60_009);
    expect(tries.waitMs('a', 60_009)).toBe(60_000);
  });

  it('leave a machine waiting, even with the right one', async () => {
    await using server = await TestServer.start();
    const { secret } = await server.api<Made>('POST', '/v1/enrolments', { label: 'x' });
    for (let i = 0; i < 10; i++) await bootMedium(server, 1, 'wrong');
    expect(await bootMedium(server, 1, secret)).toBe('pending');
  });
});
