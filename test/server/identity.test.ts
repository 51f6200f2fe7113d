import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { protocolVersion } from '../../protocol/agent-messages.ts';
import type { Inventory } from '../../protocol/inventory.ts';
import { listIdentities, normalizeMac, normalizeSerial } from '../../server/machines/identity.ts';
import { openByText } from '../fixtures/databases.ts';
import { ScriptedAgent } from './scripted-agent.ts';
import { eventually, makeInventory, TestServer, uuidA, uuidB } from './support.ts';

const mac = '52:54:00:00:00:01';

describe('a machine', () => {
  it('is known by its UUID alone when that can be believed', () => {
    expect(listIdentities({ uuid: uuidA.toUpperCase(), serial: null, macs: [mac] })).toEqual([`uuid:${uuidA}`]);
  });

  it.each([
    ['all zeros', '00000000-0000-0000-0000-000000000000'],
    ['all ones', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
    ['one byte over and over', '11111111-1111-1111-1111-111111111111'],
    ['a vendor default', '03000200-0400-0500-0006-000700080009'],
    ['not a UUID', 'To be filled by O.E.M.'],
    ['absent', null],
  ])('is known by its MAC addresses when the UUID is %s', (_, uuid) => {
    expect(listIdentities({ uuid, serial: 'To be filled by O.E.M.', macs: ['52-54-00-00-00-01', mac] })).toEqual([
      `mac:${mac}`,
    ]);
  });

  it('is never known by a MAC address that is no address of a card', () => {
    for (const bad of ['00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:01', 'nonsense', '']) {
      expect(normalizeMac(bad)).toBeNull();
    }
  });

  it('with another UUID is another machine, although the network card moved along', async () => {
    await using server = await TestServer.start();
    await server.bootToken(uuidA, mac);
    await server.bootToken(uuidB, mac);
    await server.bootToken(uuidA, '52:54:00:00:00:99');
    expect(await server.machines()).toHaveLength(2);
  });

  it('without a believable UUID is recognised by its MAC address', async () => {
    await using server = await TestServer.start();
    for (let boot = 0; boot < 2; boot++) await server.bootToken('00000000-0000-0000-0000-000000000000', mac);
    await server.bootToken('00000000-0000-0000-0000-000000000000', '52:54:00:00:00:02');
    expect((await server.machines()).map((machine) => machine.name)).toEqual([
      '52-54-00-00-00-01',
      '52-54-00-00-00-02',
    ]);
  });

  it('that nothing identifies is not written down', async () => {
    await using server = await TestServer.start();
    const answer = await server.plain('/boot/script?uuid=x&mac=y');
    expect(answer.body.toString()).toContain('neither a usable UUID nor a MAC address');
    expect(await server.machines()).toEqual([]);
  });

  it('has no serial number where the vendor left a filler in its place', () => {
    for (const filler of [
      'To be filled by O.E.M.',
      'Default string',
      'System Serial Number',
      '0000000',
      '123456789',
      'None',
      ' ',
      'X.X',
    ]) {
      expect([filler, normalizeSerial(filler)]).toEqual([filler, null]);
    }
    expect(['CZC1234ABC', '5CG0 123', 'VMware-56 4d'].map(normalizeSerial)).toEqual([
      'czc1234abc',
      '5cg0 123',
      'vmware-56 4d',
    ]);
  });
});

/** All zeros, as boards of some vendors have it. */
const noUuid = '00000000-0000-0000-0000-000000000000';
/** A USB network card that goes from machine to machine. */
const dongle = '00:e0:4c:68:00:01';

type Made = { readonly uuid: string; readonly serial: string; readonly macs: readonly string[] };

/** A machine boots through the first of its cards, by a boot loader that tells no serial number, until its agent is welcomed; its name. */
async function boot(server: TestServer, { uuid, serial, macs }: Made): Promise<string> {
  const [first = ''] = macs;
  const token = await server.bootToken(uuid, first);
  const bootId = randomUUID();
  const base = makeInventory(uuid, first);
  const [nic] = base.nics;
  const nics = macs.map((address) => ({ ...nic, mac: address })) as Inventory['nics'];
  const inventory: Inventory = { ...base, smbios: { ...base.smbios, serial }, nics };
  return eventually(async () => {
    const agent = await ScriptedAgent.open({ port: server.running.port, token, uuid, bootId });
    agent.send({ type: 'hello', protocol: protocolVersion, agentVersion: 'test', inventory });
    await eventually(async () => agent.closed || agent.received.length > 0);
    const welcome = agent.received.find(({ type }) => type === 'welcome');
    agent.cut();
    return welcome?.type === 'welcome' ? welcome.machineName : undefined;
  });
}

describe('two machines', () => {
  it('that take turns with one network dongle, and have no UUID, are two, and the other one gets no job of the first', async () => {
    await using server = await TestServer.start();
    const a = await boot(server, { uuid: noUuid, serial: 'SERIAL-A', macs: [dongle, '52:54:00:00:00:0a'] });
    expect(a).toBe('00-e0-4c-68-00-01');
    await server.api('PATCH', `/v1/machines/${a}`, { name: 'a', state: 'approved' });
    await server.api('POST', '/v1/scenarios', { name: 'look', steps: [{ kind: 'check' }] });
    await server.api('POST', '/v1/jobs', { scenario: 'look', machine: 'a' });
    const b = await boot(server, { uuid: noUuid, serial: 'SERIAL-B', macs: [dongle, '52:54:00:00:00:0b'] });
    expect(b).not.toBe('a');
    expect(await server.api('GET', '/v1/jobs')).toMatchObject([{ machineName: 'a', state: 'queued' }]);
    const other = (name: string) => ({ kind: 'mac', value: dongle, with: { name } });
    expect(await server.api('GET', '/v1/machines/a')).toMatchObject({ conflicts: [other(b)] });
    expect(await server.api('GET', `/v1/machines/${b}`)).toMatchObject({
      conflicts: [other('a')],
      identities: ['serial:serial-b', 'mac:52:54:00:00:00:0b'],
    });
    await server.api('DELETE', `/v1/machines/${b}/identities/mac:${dongle}`);
    expect(await server.api('GET', '/v1/machines/a')).toMatchObject({ conflicts: [] });
    await expect(server.api('DELETE', '/v1/machines/a/identities/mac:x')).rejects.toThrow('identity-not-found');
    expect(await boot(server, { uuid: noUuid, serial: 'SERIAL-A', macs: ['52:54:00:00:00:0a', dongle] })).toBe('a');
  });

  it('with UUIDs of their own are two with one dongle, whatever a machine without UUID is known by', async () => {
    await using server = await TestServer.start();
    const without = await boot(server, { uuid: noUuid, serial: 'None', macs: [dongle] });
    const a = await boot(server, { uuid: uuidA, serial: 'SERIAL-A', macs: [dongle] });
    const b = await boot(server, { uuid: uuidB, serial: 'SERIAL-B', macs: [dongle] });
    expect(new Set([without, a, b]).size).toBe(3);
  });

  it('to which a vendor has given one UUID are told apart by serial number and network card, and both are shown it', async () => {
    await using server = await TestServer.start();
    const first = { uuid: uuidA, serial: 'SERIAL-1', macs: ['52:54:00:00:00:01'] };
    const second = { uuid: uuidA, serial: 'SERIAL-2', macs: ['52:54:00:00:00:02'] };
    const [one, two] = [await boot(server, first), await boot(server, second)];
    expect(one).not.toBe(two);
    expect([await boot(server, second), await boot(server, first)]).toEqual([two, one]);
    expect(await server.machines()).toHaveLength(2);
    const shared = (name: string) => ({ conflicts: [{ kind: 'uuid', value: uuidA, with: { name } }] });
    expect(await server.api('GET', `/v1/machines/${one}`)).toMatchObject(shared(two));
    expect(await server.api('GET', `/v1/machines/${two}`)).toMatchObject(shared(one));
    // At the boot script already: the token is of the right one.
    const db = await openByText(server.database);
    await db.deleteFrom('bootTokens').execute();
    await server.bootToken(uuidA, '52:54:00:00:00:02');
    const token = await db.selectFrom('bootTokens').select('machineId').executeTakeFirst();
    await db.destroy();
    expect((await server.machines()).find(({ id }) => id === token?.machineId)?.name).toBe(two);
  });

  it('are one with another serial number if a network card stayed: a vendor has written it anew', async () => {
    await using server = await TestServer.start();
    const one = await boot(server, { uuid: uuidA, serial: 'SERIAL-1', macs: ['52:54:00:00:00:01'] });
    expect(await boot(server, { uuid: uuidA, serial: 'SERIAL-2', macs: ['52:54:00:00:00:01'] })).toBe(one);
  });

  it('become one when a person says that they are: what was of either is kept', async () => {
    await using server = await TestServer.start();
    const old = await boot(server, { uuid: uuidA, serial: 'SERIAL-1', macs: ['52:54:00:00:00:01'] });
    await server.api('PATCH', `/v1/machines/${old}`, { name: 'old', addTags: ['a', 'b'] });
    await server.api('POST', '/v1/groups', { name: 'g', members: ['old'] });
    const made = await boot(server, { uuid: uuidB, serial: 'SERIAL-1', macs: ['52:54:00:00:00:01'] });
    await server.api('PATCH', `/v1/machines/${made}`, { name: 'new', addTags: ['B', 'c'] });
    const merged = await server.api('POST', '/v1/machines/old/merge', { from: 'new' });
    expect(merged).toMatchObject({ name: 'old', tags: ['a', 'b', 'c'], groups: [{ name: 'g' }] });
    expect(merged).toMatchObject({ inventory: { smbios: { uuid: uuidB } } });
    expect(await server.machines()).toHaveLength(1);
    expect(await boot(server, { uuid: uuidB, serial: 'SERIAL-1', macs: ['52:54:00:00:00:01'] })).toBe('old');
    expect(await boot(server, { uuid: uuidA, serial: 'SERIAL-1', macs: ['52:54:00:00:00:01'] })).toBe('old');
    await expect(server.api('POST', '/v1/machines/old/merge', { from: 'old' })).rejects.toThrow('400');
  });
});
