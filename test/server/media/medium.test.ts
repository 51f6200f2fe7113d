// The ISO that a server gives away is the one that was built, with other settings in it and not another byte changed (R18).
import { rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readWords, settingsOffset, writeMadeIso } from '../../fixtures/made-iso.ts';
import { errorCode, TestServer } from '../support.ts';

const url = 'https://10.0.0.1:7433';

async function withMedium(work: (server: TestServer, iso: Buffer) => Promise<void>, builtWith = ''): Promise<void> {
  await using server = await TestServer.start();
  await work(server, await writeMadeIso(path.join(server.dataDir, 'boot'), builtWith));
}

const ask = (server: TestServer, query: string, headers: Record<string, string> = {}, method = 'GET') =>
  server.tls(`/v1/media/deploy-os.iso?${query}`, { method, headers: { ...server.operator, ...headers } });

describe('a medium', () => {
  it('has the server, its CA and what was asked for after what it was built with, and is else the ISO that was built', async () => {
    await withMedium(async (server, iso) => {
      const query = `for=${url}&ip=10.0.0.5/24,10.0.0.254&nic=52:54:00:00:00:01&vlan=20&options=deploy.progress%3D2%20quiet`;
      const { status, headers, body } = await ask(server, query);
      expect([status, headers['content-length'], headers['accept-ranges']]).toEqual([200, `${iso.length}`, 'bytes']);
      expect(readWords(body)).toBe(
        `it=is deploy.server=${url} deploy.ca=${server.running.caFingerprint} deploy.ip=10.0.0.5/24,10.0.0.254 deploy.nic=52:54:00:00:00:01 deploy.vlan=20 deploy.progress=2 quiet`,
      );
      expect(body.subarray(0, settingsOffset).equals(iso.subarray(0, settingsOffset))).toBe(true);
      expect(body.subarray(settingsOffset + 4096).equals(iso.subarray(settingsOffset + 4096))).toBe(true);
    }, 'it=is');
  });

  it('comes in parts that fit together, wherever they are cut', async () => {
    await withMedium(async (server, iso) => {
      const whole = await ask(server, `for=${url}`);
      const cuts = [
        0,
        1,
        settingsOffset - 1,
        settingsOffset + 30,
        262_144,
        settingsOffset + 4096,
        iso.length - 1,
        iso.length,
      ];
      const parts: Buffer[] = [];
      for (const [i, end] of cuts.slice(1).entries()) {
        const { status, headers, body } = await ask(server, `for=${url}`, { range: `bytes=${cuts[i]}-${end - 1}` });
        expect([status, headers['content-range']]).toEqual([206, `bytes ${cuts[i]}-${end - 1}/${iso.length}`]);
        parts.push(body);
      }
      expect(Buffer.concat(parts).equals(whole.body)).toBe(true);
      const beyond = await ask(server, `for=${url}`, { range: `bytes=${iso.length}-` });
      expect([beyond.status, beyond.headers['content-range']]).toEqual([416, `bytes */${iso.length}`]);
      const head = await ask(server, `for=${url}`, {}, 'HEAD');
      expect([head.status, head.headers['content-length'], head.body.length]).toEqual([200, `${iso.length}`, 0]);
      // A part goes only to whom has begun with these very bytes.
      const range = { range: 'bytes=5-' };
      expect((await ask(server, `for=${url}`, { ...range, 'if-range': `${whole.headers.etag}` })).status).toBe(206);
      expect((await ask(server, `for=${url}&vlan=7`, { ...range, 'if-range': `${whole.headers.etag}` })).status).toBe(
        200,
      );
    });
  });

  it('names an address that machines reach', async () => {
    await withMedium(async (server) => {
      expect(errorCode(await ask(server, ''))).toBe('invalid-input');
      await server.restart({ advertise: 'deploy.example:8000' });
      expect(readWords((await ask(server, '')).body)).toMatch(/^deploy\.server=https:\/\/deploy\.example:8000 /);
    });
  });

  it.each([
    `for=http://10.0.0.1:7433`,
    `for=${url}/x`,
    `for=${url}&ip=10.0.0.5%20init=/bin/sh`,
    `for=${url}&nic=%27`,
    `for=${url}&nic=a%0Ab`,
    `for=${url}&vlan=x`,
    `for=${url}&options=it%27s`,
    `for=${url}&token=x`,
    `for=${url}&ip=1&ip=2`,
  ])('takes nothing that could leave its line: %s', async (query) => {
    await withMedium(async (server) => {
      expect((await ask(server, query)).status).toBe(400);
    });
  });

  it('is not given away where the build does not say where its settings are, or says it wrongly', async () => {
    await withMedium(async (server, iso) => {
      const boot = path.join(server.dataDir, 'boot');
      const refuse = async (words: string) => {
        const answer = await ask(server, `for=${url}`);
        expect([answer.status, answer.body.toString()]).toEqual([400, expect.stringContaining(words)]);
      };
      const record = (medium: object) => writeFile(path.join(boot, 'build-manifest.json'), JSON.stringify({ medium }));
      const place = { path: 'deploy-os.iso', settingsOffset, settingsBytes: 4096 };
      await record({ ...place, settingsOffset: settingsOffset + 1 });
      await refuse('has no settings where');
      await record({ ...place, settingsOffset: iso.length - 1 });
      await refuse('ends too early');
      await record({ ...place, path: '../tls/ca.key' });
      await refuse('does not say where');
      await record({ ...place, settingsBytes: 2 ** 40 });
      await refuse('does not say where');
      await record({ ...place, settingsBytes: 512 });
      expect((await ask(server, `for=${url}&options=${'x'.repeat(1000)}`)).body.toString()).toContain('too long');
      await record(place);
      expect((await ask(server, `for=${url}`)).status).toBe(200);
      await truncate(path.join(boot, 'deploy-os.iso'), settingsOffset + 100);
      await refuse('ends too early');
      await rm(path.join(boot, 'deploy-os.iso'));
      await refuse('deploy-os.iso');
    });
  });
});
