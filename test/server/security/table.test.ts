// The table of who may call what is the one in docs/, and what opens no route to anybody: tokens that have lapsed, and those of users who are disabled or gone.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { PersonToken } from '../../../protocol/people.ts';
import { describeAccess } from '../../../server/api-description/describe-access.ts';
import { routes } from '../../../server/routes.ts';
import { openByText } from '../../fixtures/databases.ts';
import { errorCode, TestServer } from '../support.ts';

const password = 'correct horse battery';
const pathOf = (text: string) => text.replace(/:digest/, 'a'.repeat(64)).replace(/:\w+/g, 'nothing');

it('the table of docs/access.md is what `node scripts/write-access-table.ts` writes', () => {
  const kept = readFileSync(path.join(import.meta.dirname, '../../../docs/access.md'), 'utf8');
  expect(kept).toBe(describeAccess(routes));
});

describe('every route that is not public', () => {
  it('is closed to tokens that have lapsed or are revoked, and to those of a disabled or removed user', async () => {
    await using server = await TestServer.start();
    const tokenOf = async (name: string): Promise<string> => {
      await server.api('POST', '/v1/users', { name, password, role: 'administrator' });
      const login = await server.api<PersonToken & { token: string }>('POST', '/v1/sessions', { name, password });
      const headers = { authorization: `Bearer ${login.token}`, 'content-type': 'application/json' };
      const body = JSON.stringify({ label: 'script' });
      const made = await server.tls('/v1/tokens', { method: 'POST', headers, body });
      return (JSON.parse(`${made.body}`) as { token: string }).token;
    };
    const tokens = {
      disabled: await tokenOf('disabled'),
      removed: await tokenOf('removed'),
      lapsed: await tokenOf('lapsed'),
      revoked: await tokenOf('revoked'),
    };
    for (const token of Object.values(tokens)) {
      expect((await server.tls('/v1/audit', { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
    }
    await server.api('PATCH', '/v1/users/disabled', { disabled: true });
    await server.api('DELETE', '/v1/users/removed');
    const listed = await server.api<PersonToken[]>('GET', '/v1/tokens');
    const idOf = (name: string) => listed.find(({ userName, kind }) => userName === name && kind === 'api')?.id ?? '';
    await server.api('DELETE', `/v1/tokens/${idOf('revoked')}`);
    const db = await openByText(server.database);
    const expiresAt = new Date(Date.now() - 1000).toISOString();
    await db.updateTable('personTokens').set({ expiresAt }).where('id', '=', idOf('lapsed')).execute();
    await db.destroy();
    for (const { method, path: pattern } of routes.filter(({ access }) => access !== 'public')) {
      for (const [why, token] of Object.entries(tokens)) {
        const answer = await server.tls(pathOf(pattern), { method, headers: { authorization: `Bearer ${token}` } });
        expect([method, pattern, why, errorCode(answer)]).toEqual([method, pattern, why, 'unauthorized']);
      }
    }
  });
});
