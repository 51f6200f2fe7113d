// The server is swapped for another one at its address: the agent refuses, tells nothing, says why, and its token is not spent.
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fetchPinnedCa } from '../../imaging/store/pinned-ca.ts';
import { openAuthority } from '../../server/tls/authority.ts';
import { Impostor } from '../fixtures/agent/impostor.ts';
import { Site } from '../fixtures/agent/site.ts';

let site: Site;
let impostor: Impostor;
let token: string;

/** `shows`: the impostor's own CA, or that of the server, which anybody can fetch. */
async function open(shows: 'own' | 'server'): Promise<void> {
  const { ca } = await fetchPinnedCa(site.facts.url, site.facts.caFingerprint);
  const dir = await mkdtemp(join(tmpdir(), 'deploy-os-impostor-'));
  const authority = await openAuthority(dir, ['127.0.0.1', 'localhost']);
  await rm(dir, { recursive: true });
  impostor = await Impostor.start(authority, shows === 'own' ? authority.caPem : ca);
}

const handshakes = async (count: number): Promise<void> => {
  const endMs = performance.now() + 20_000;
  while (impostor.heard.handshakes < count) {
    if (performance.now() > endMs) throw new Error(`the agent did not try again: ${site.agentOutput.text}`);
    await sleep(20);
  }
};

const listOnline = async () => {
  const machines = await site.api<{ online: boolean }[]>('GET', '/v1/machines');
  return machines.filter(({ online }) => online);
};

async function comesOnline(): Promise<void> {
  const endMs = performance.now() + 30_000;
  while ((await listOnline()).length === 0) {
    if (performance.now() > endMs) throw new Error(`the agent did not register: ${site.agentOutput.text}`);
    await sleep(100);
  }
}

beforeEach(async () => {
  site = await Site.open();
  token = await site.bootToken();
});
afterEach(async () => {
  await site.close();
  impostor.close();
});

test('one with another CA is told nothing but the question for it', async () => {
  await open('own');
  site.startAgent({ token, bootId: randomUUID() }, [], impostor.port);
  await site.agentSays(/is not the expected CA: its fingerprint is sha256:[0-9a-f]{64}/);
  expect(impostor.heard.plain).toMatch(/^GET \/ca\.pem HTTP\/1\.1\r\n/);
  expect(impostor.heard.plain).not.toContain(token);
  expect(impostor.heard).toMatchObject({ insideTls: '', handshakes: 0 });
});

test('one that shows the right CA, and has no certificate of it, is told nothing: before the agent has registered, and afterwards', async () => {
  await open('server');
  site.startAgent({ token, bootId: randomUUID() }, [], impostor.port);
  await handshakes(2);
  await site.agentSays(/unable to verify the first certificate/);
  expect(impostor.heard.insideTls).toBe('');
  expect(await listOnline()).toEqual([]);

  impostor.change(site.facts.port);
  await comesOnline();
  const tried = impostor.heard.handshakes;
  impostor.change(null);
  await handshakes(tried + 1);
  await site.agentSays(/connection to the server lost/);
  // It goes to the address that the right server has told it.
  await site.agentSays(new RegExp(`connected to https://127.0.0.1:${site.facts.port} now`));
  await comesOnline();
  expect(impostor.heard.insideTls).toBe('');
  expect(impostor.heard.plain).not.toContain(token);
});
