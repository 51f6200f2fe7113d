// Power drivers through the API: settings that hide their password, actions with what came of them, and who may.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { AuditEntry } from '../../../protocol/people.ts';
import type { Power, PowerAnswer } from '../../../protocol/power.ts';
import { openSecret, openSecretKey, sealSecret } from '../../../server/power/secrets.ts';
import { openByText } from '../../fixtures/databases.ts';
import { RedfishService } from '../../fixtures/redfish-service.ts';
import { withTempDirectory } from '../../fixtures/temp-directory.ts';
import { ScriptedAgent } from '../scripted-agent.ts';
import { eventually, TestServer, uuidA, uuidB } from '../support.ts';

async function addMachine(server: TestServer, uuid: string, mac?: string): Promise<string> {
  await server.bootToken(uuid, mac);
  return (await server.machines()).at(-1)?.id ?? '';
}

const settingsOf = ({ url, user, password, certificate }: RedfishService) => ({
  ...{ driver: 'redfish', url, user, password, certificate },
});

describe('a power driver', () => {
  it('turns its machine on and off, writes that down, and never shows its password', () =>
    withTempDirectory(async (folder) => {
      await using bmc = await RedfishService.start(folder);
      await using server = await TestServer.start({ allowBmc: '127.0.0.0/8' });
      const id = await addMachine(server, uuidA);
      const power = `/v1/machines/${id}/power`;
      expect(await server.api('GET', power)).toMatchObject({ settings: { driver: 'none' }, hasPassword: false });
      await expect(server.api('POST', `${power}/on`)).rejects.toThrow('409');
      const saved = await server.api<Power>('PUT', power, settingsOf(bmc));
      expect(saved).toMatchObject({
        settings: { driver: 'redfish', url: bmc.url, auth: 'session' },
        hasPassword: true,
      });
      expect(await server.api<PowerAnswer>('POST', `${power}/on`, { networkBoot: true })).toMatchObject({
        ...{ driver: 'redfish', action: 'on', state: 'on', verified: true },
      });
      expect(bmc.boots).toEqual(['Pxe']);
      expect(await server.api('GET', power)).toMatchObject({ state: 'on' });
      await expect(server.api('POST', `${power}/explode`)).rejects.toThrow('400');

      const { entries } = await server.api<{ entries: AuditEntry[] }>('GET', '/v1/audit');
      expect(entries.map(({ action, about, outcome }) => [action, about, outcome])).toEqual([
        ['POST /v1/machines/:id/power/:action', { id, action: 'explode' }, 'invalid-input'],
        ['POST /v1/machines/:id/power/:action', { id, action: 'on' }, 'ok'],
        ['PUT /v1/machines/:id/power', { id, driver: 'redfish' }, 'ok'],
        ['POST /v1/machines/:id/power/:action', { id, action: 'on' }, 'power-unsupported'],
      ]);
      const db = await openByText(server.database);
      const rows = [await db.selectFrom('machinePower').selectAll().execute(), entries, saved];
      await db.destroy();
      expect(JSON.stringify(rows)).not.toContain(bmc.password);
    }));

  it('keeps its password only for the address that it was given for', () =>
    withTempDirectory(async (folder) => {
      await using bmc = await RedfishService.start(folder);
      await using server = await TestServer.start({ allowBmc: '127.0.0.0/8' });
      const id = await addMachine(server, uuidA);
      const power = `/v1/machines/${id}/power`;
      const { password, ...rest } = settingsOf(bmc);
      await expect(server.api('PUT', power, rest)).rejects.toThrow('needs the password');
      await server.api('PUT', power, { ...rest, password });
      await server.api('PUT', power, { ...rest, auth: 'basic' });
      expect(await server.api('POST', `${power}/status`)).toMatchObject({ state: 'off' });
      const evil = { ...rest, url: 'https://evil.example' };
      await expect(server.api('PUT', power, evil)).rejects.toThrow('needs the password');
      // Nor does a row that somebody changes in the database send it there.
      const db = await openByText(server.database);
      await db
        .updateTable('machinePower')
        .set({ settings: JSON.stringify({ ...evil, plainHttp: false, auth: 'basic' }) })
        .execute();
      await db.destroy();
      await expect(server.api('POST', `${power}/status`)).rejects.toThrow('not the one that this server put there');
      await server.api('DELETE', `/v1/machines/${id}`);
    }));

  it('does not tear down a running job unless it must', () =>
    withTempDirectory(async (folder) => {
      await using bmc = await RedfishService.start(folder);
      await using server = await TestServer.start({ approve: 'all', allowBmc: '127.0.0.0/8' });
      const agent = await ScriptedAgent.join({
        ...{ port: server.running.port, token: await server.bootToken(uuidA), uuid: uuidA },
      });
      await agent.next('welcome');
      const [machine] = await server.machines();
      const power = `/v1/machines/${machine?.id}/power`;
      await server.api('PUT', power, settingsOf(bmc));
      bmc.powerState = 'On';
      await server.api('POST', '/v1/scenarios', { name: 'look', steps: [{ kind: 'check' }] });
      await server.api('POST', '/v1/jobs', { scenario: 'look', machine: machine?.id });
      await agent.next('job');
      for (const action of ['off', 'soft', 'cycle']) {
        await expect(server.api('POST', `${power}/${action}`)).rejects.toThrow('may be half written');
      }
      await server.api('POST', `${power}/off`, { force: true });
      expect(bmc.powerState).toBe('Off');
      agent.cut();
    }));

  it('may be a program of the server that was started with its folder, and none otherwise', () =>
    withTempDirectory(async (hooks) => {
      const script = `#!/bin/sh\nif [ "$1" = status ]; then cat ${hooks}/state || echo off; else echo "$1" > ${hooks}/state; fi\n`;
      await writeFile(path.join(hooks, 'relay'), script, { mode: 0o700 });
      await using server = await TestServer.start({ hooks });
      const id = await addMachine(server, uuidA);
      const power = `/v1/machines/${id}/power`;
      await server.api('PUT', power, { driver: 'hook', program: 'relay' });
      expect(await server.api('POST', `${power}/on`)).toMatchObject({ driver: 'hook', state: 'on', verified: true });
      await expect(server.api('PUT', power, { driver: 'hook', program: '../relay' })).rejects.toThrow('400');
      await expect(server.api('PUT', power, { driver: 'hook', program: 'other' })).rejects.toThrow('is not there');
      await server.restart({});
      await expect(server.api('POST', `${power}/off`)).rejects.toThrow('runs no hooks');
    }));

  it('is set by administrators and used by operators', async () => {
    await using server = await TestServer.start();
    const id = await addMachine(server, uuidA);
    const password = 'correct horse battery';
    await server.api('POST', '/v1/users', { name: 'op', password, role: 'operator' });
    const json = { 'content-type': 'application/json' };
    const login = await server.tls('/v1/sessions', {
      method: 'POST',
      headers: json,
      body: JSON.stringify({ name: 'op', password }),
    });
    const headers = { ...json, authorization: `Bearer ${JSON.parse(login.body.toString()).token}` };
    const path = `/v1/machines/${id}/power`;
    const put = await server.tls(path, { method: 'PUT', headers, body: JSON.stringify({ driver: 'none' }) });
    expect(put.status).toBe(403);
    expect((await server.tls(`${path}/status`, { method: 'POST', headers, body: '' })).status).toBe(409);
  });
});

describe('Wake-on-LAN', () => {
  it('goes out through the agents near the machine, also when it was asked for at another server', async () => {
    await using server = await TestServer.start({ approve: 'all' });
    const sleeper = await addMachine(server, uuidB, '52:54:00:00:00:02');
    const token = await server.bootToken(uuidA);
    const power = `/v1/machines/${sleeper}/power`;
    await server.api('PUT', power, {
      driver: 'wake-on-lan',
      macs: ['52-54-00-00-00-02'],
      password: '01:02:03:04:05:0A',
    });
    const agent = await ScriptedAgent.join({ port: server.running.port, token, uuid: uuidA, wakes: true });
    await agent.next('welcome');
    expect(await server.api('POST', `${power}/on`)).toMatchObject({ state: 'unknown', verified: false });
    const wake = { type: 'wake', macs: ['52:54:00:00:00:02'], port: 9, password: '01:02:03:04:05:0a' };
    expect(await agent.next('wake')).toEqual(wake);
    const db = await openByText(server.database);
    await db.deleteFrom('wakes').execute();
    await db.insertInto('wakes').values({ id: 'w2', machineId: sleeper, at: new Date().toISOString() }).execute();
    await db.destroy();
    expect(await agent.next('wake')).toEqual(wake);
    agent.cut();
  });

  it('tells no agent that would not understand', async () => {
    await using server = await TestServer.start({ approve: 'all' });
    const sleeper = await addMachine(server, uuidB, '');
    const agent = await ScriptedAgent.join({
      port: server.running.port,
      token: await server.bootToken(uuidA),
      uuid: uuidA,
    });
    await agent.next('welcome');
    await server.api('PUT', `/v1/machines/${sleeper}/power`, { driver: 'wake-on-lan' });
    await expect(server.api('POST', `/v1/machines/${sleeper}/power/on`)).rejects.toThrow('no MAC address');
    await expect(server.api('POST', `/v1/machines/${sleeper}/power/off`)).rejects.toThrow('turn nothing off');
    await server.api('PUT', `/v1/machines/${sleeper}/power`, {
      driver: 'wake-on-lan',
      macs: ['52:54:00:00:00:02'],
      broadcast: ['127.255.255.255'],
    });
    await server.api('POST', `/v1/machines/${sleeper}/power/on`);
    // Of an imported list, of one that has never booted, the addresses are known as well.
    const listed = { name: 'pc-2', macs: ['52:54:00:00:00:03'], state: 'approved' };
    await server.api('POST', '/v1/machine-file', { machines: [listed] });
    await server.api('PUT', '/v1/machines/pc-2/power', { driver: 'wake-on-lan', broadcast: ['127.255.255.255'] });
    expect(await server.api('POST', '/v1/machines/pc-2/power/on')).toMatchObject({ driver: 'wake-on-lan' });
    expect(await agent.gets('wake', 1500)).toBe(false);
    // A machine whose agent is there is on.
    const [machine] = (await server.machines()).filter(({ online }) => online);
    await server.api('PUT', `/v1/machines/${machine?.id}/power`, { driver: 'wake-on-lan' });
    await eventually(
      async () => (await server.api<PowerAnswer>('POST', `/v1/machines/${machine?.id}/power/status`)).state === 'on',
    );
    agent.cut();
  });
});

describe('a sealed secret', () => {
  it('opens with its key, for what it belongs to, and as it was sealed', () =>
    withTempDirectory(async (folder) => {
      const key = await openSecretKey(folder);
      expect((await openSecretKey(folder)).bytes.equals(key.bytes)).toBe(true);
      const sealed = sealSecret(key, 'pässword', 'a');
      expect(sealSecret(key, 'pässword', 'a')).not.toBe(sealed);
      expect(openSecret(key, sealed, 'a')).toBe('pässword');
      expect(() => openSecret(key, sealed, 'b')).toThrow('not the one that this server put there');
      for (let i = sealed.lastIndexOf(':') + 1; i < sealed.length - 4; i += 7) {
        const changed = sealed.slice(0, i) + (sealed[i] === 'A' ? 'B' : 'A') + sealed.slice(i + 1);
        expect(() => openSecret(key, changed, 'a')).toThrow('not the one');
      }
      expect(() => openSecret(key, `1:${key.id}:AAAA`, 'a')).toThrow('not the one');
      await withTempDirectory(async (elsewhere) => {
        const other = await openSecretKey(elsewhere);
        expect(() => openSecret(other, sealed, 'a')).toThrow('sealed with another key');
      });
      expect((await readFile(key.filePath, 'utf8')).trim()).toHaveLength(44);
    }));
});
