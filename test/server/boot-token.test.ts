// A machine that boots from a medium has no token; its agent asks for one, and it registers like any other (R18).
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { askToken } from '../../agent/4-register/ask-token.ts';
import { fetchPinnedCa } from '../../imaging/store/pinned-ca.ts';
import { TestServer } from './support.ts';

const uuid = '5d0b1a4e-0003-4000-8000-000000000003';

it('gives an agent a token that is good for one boot, and makes one machine of the same facts', async () => {
  await using server = await TestServer.start();
  const { url, caFingerprint } = server.running;
  const { ca } = await fetchPinnedCa(url, caFingerprint);
  const token = await askToken({ url, ca }, { uuid, macs: ['52:54:00:00:00:03'] });
  const again = await askToken({ url, ca }, { uuid, macs: [] });
  expect(again).not.toBe(token);
  expect(await server.machines()).toMatchObject([{ state: 'pending', inventory: null }]);
  const use = (bootId: string) =>
    server.tls('/v1/images/x/manifest', { headers: { authorization: `Bearer ${token}`, 'deploy-boot-id': bootId } });
  // Of a machine that nobody has approved: known, and not let in.
  expect(JSON.parse(`${(await use('boot-id-1')).body}`).error.code).toBe('machine-not-approved');
  expect(JSON.parse(`${(await use('boot-id-2')).body}`).error.code).toBe('unauthorized');
});

it('refuses a machine that nothing tells apart, and what is no request', async () => {
  await using server = await TestServer.start();
  const { url } = server.running;
  const ca = await readFile(path.join(server.dataDir, 'tls/ca.pem'), 'utf8');
  const nobody = { uuid: '00000000-0000-0000-0000-000000000000', macs: ['ff:ff:ff:ff:ff:ff'] };
  await expect(askToken({ url, ca }, nobody)).rejects.toMatchObject({ code: 'invalid-input' });
  for (const body of ['', '{}', '{"uuid":1,"macs":[]}', `{"uuid":null,"macs":["${'a'.repeat(100)}"]}`]) {
    const headers = { 'content-type': 'application/json' };
    expect((await server.tls('/v1/boot-token', { method: 'POST', headers, body })).status).toBe(400);
  }
  expect(await server.machines()).toEqual([]);
});
