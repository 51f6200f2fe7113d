// Machines that are known before they show up, and changes to many at once.
import { describe, expect, it } from 'vitest';
import { protocolVersion } from '../../protocol/agent-messages.ts';
import type { FileMachine } from '../../protocol/machine-file.ts';
import type { Machine } from '../../protocol/rest.ts';
import { ScriptedAgent } from './scripted-agent.ts';
import { eventually, makeInventory, TestServer, uuidA, uuidB } from './support.ts';

const send = (server: TestServer, machines: unknown[], rest: object = {}) =>
  server.api<object>('POST', '/v1/machine-file', { machines, ...rest });
const summary = (machines: readonly Machine[]) =>
  machines.map(({ name, state, tags, groups }) => [name, state, tags.join(), groups.map((group) => group.name).join()]);

describe('an import', () => {
  it('writes down machines that are recognised when they boot, by UUID, by MAC address, or by the serial number that only their agent tells', async () => {
    await using server = await TestServer.start();
    await server.api('POST', '/v1/groups', { name: 'Lab 3' });
    const file = [
      {
        name: '研究室-1',
        uuid: uuidA.toUpperCase(),
        macs: ['52-54-00-00-00-01'],
        groups: ['lab 3'],
        tags: ['新', 'a;b'],
        state: 'approved',
      },
      { name: 'by mac', macs: ['52:54:00:00:00:02'] },
      { name: 'by serial', serial: 'CZC-77', state: 'approved' },
    ];
    expect(await send(server, file, { dryRun: true })).toEqual({ created: 3, updated: 0, dryRun: true });
    expect(await server.machines()).toEqual([]);
    expect(await send(server, file)).toEqual({ created: 3, updated: 0, dryRun: false });
    await server.bootToken(uuidA, '52:54:00:00:00:77');
    await server.bootToken(uuidB, '52:54:00:00:00:02');
    expect(summary(await server.machines())).toEqual([
      ['by mac', 'pending', '', ''],
      ['by serial', 'approved', '', ''],
      ['研究室-1', 'approved', 'a;b,新', 'Lab 3'],
    ]);
    // From now on by its UUID, whatever card it has.
    await server.bootToken(uuidB, '52:54:00:00:00:88');
    expect(await server.machines()).toHaveLength(3);
    const uuid = '5d0b1a4e-0006-4000-8000-000000000001';
    const token = await server.bootToken(uuid, '52:54:00:00:00:03');
    expect(await server.machines()).toHaveLength(4);
    const inventory = makeInventory(uuid, '52:54:00:00:00:03');
    const bootId = 'the-only-boot';
    const welcome = await eventually(async () => {
      const agent = await ScriptedAgent.open({ port: server.running.port, token, uuid, bootId });
      const smbios = { ...inventory.smbios, serial: ' czc-77' };
      agent.send({
        type: 'hello',
        protocol: protocolVersion,
        agentVersion: 'test',
        inventory: { ...inventory, smbios },
      });
      await agent.until(() => agent.closed || agent.received.length > 0);
      return agent.received.find(({ type }) => type === 'welcome');
    });
    expect(welcome).toMatchObject({ machineName: 'by serial', state: 'approved' });
    expect(await server.machines()).toHaveLength(3);
  });

  it('changes machines that are there, adds and takes nothing away', async () => {
    await using server = await TestServer.start();
    await server.bootToken(uuidA, '52:54:00:00:00:01');
    await server.bootToken(uuidB, '52:54:00:00:00:02');
    await server.api('PATCH', '/v1/machines/52-54-00-00-00-01', { state: 'approved', addTags: ['a'] });
    const file = [
      { name: '52-54-00-00-00-01', tags: ['b'] },
      { name: 'second', macs: ['52:54:00:00:00:02'], state: 'approved' },
    ];
    for (let i = 0; i < 2; i++) expect(await send(server, file)).toMatchObject({ created: 0, updated: 2 });
    expect(summary(await server.machines())).toEqual([
      ['52-54-00-00-00-01', 'approved', 'a,b', ''],
      ['second', 'approved', '', ''],
    ]);
    expect(await server.api('GET', '/v1/machines/second')).toMatchObject({ identities: [`uuid:${uuidB}`] });
  });

  it('does nothing when one row is wrong, and says what is wrong with each', async () => {
    await using server = await TestServer.start();
    await server.bootToken(uuidA, '52:54:00:00:00:01');
    await send(server, [{ name: 'x', macs: ['52:54:00:00:00:09'] }]);
    const wrong: [object, string][] = [
      [{ name: 'good', macs: ['52:54:00:00:00:03'] }, ''],
      [{ name: 'a', uuid: '00000000-0000-0000-0000-000000000000' }, 'no UUID that tells'],
      [{ name: 'b', macs: ['52:54:00'] }, "'52:54:00' is no MAC address"],
      [{ name: 'c', serial: 'To be filled by O.E.M.' }, 'no serial number'],
      [{ name: 'd' }, 'neither UUID, serial number nor MAC'],
      [{ name: 'e\n', macs: ['52:54:00:00:00:05'] }, 'control characters'],
      [{ name: 'f', macs: ['52:54:00:00:00:06'], groups: ['gone'] }, "no group 'gone'"],
      [{ name: 'x', macs: ['52:54:00:00:00:07'] }, "another machine is called 'x'"],
      [{ name: 'good', macs: ['52:54:00:00:00:08'] }, 'the name good is that of line 2'],
      [{ name: 'g', uuid: uuidA, macs: ['52:54:00:00:00:09'] }, 'of several machines'],
      [{ name: 'h', macs: ['52:54:00:00:00:03'] }, 'mac:52:54:00:00:00:03 is that of line 2'],
      [{ name: 'i', colour: 'red' }, 'colour'],
      ['nonsense' as unknown as object, 'expected object'],
    ];
    const rows = wrong.map((_, i) => `line ${i + 2}`);
    const error = await send(
      server,
      wrong.map(([machine]) => machine),
      { rows },
    ).catch((thrown: Error) => thrown.message);
    const said = JSON.parse(String(error).slice(4)).error.message.split('\n');
    for (const [i, [, text]] of wrong.entries()) {
      const lines = said.filter((line: string) => line.startsWith(`line ${i + 2}: `)).join();
      expect([i + 2, text === '' ? lines === '' : lines.includes(text), lines]).toEqual([i + 2, true, lines]);
    }
    expect((await server.machines()).map(({ name }) => name)).toEqual(['52-54-00-00-00-01', 'x']);
  });

  it('takes what an export has given', async () => {
    await using server = await TestServer.start();
    await server.api('POST', '/v1/groups', { name: 'g' });
    await server.api('POST', '/v1/groups', { name: 'by rule', rules: [{ mac: '52' }] });
    const file: FileMachine[] = [
      {
        name: 'a',
        uuid: uuidA,
        serial: 'S-1234',
        macs: ['52:54:00:00:00:01'],
        groups: ['g'],
        tags: ['t'],
        state: 'approved',
      },
      { name: 'b', uuid: null, serial: null, macs: ['52:54:00:00:00:02'], groups: [], tags: [], state: 'pending' },
    ];
    await send(server, file);
    const exported = await server.api<FileMachine[]>('GET', '/v1/machine-file');
    expect(exported).toEqual(file.map((machine) => ({ ...machine, serial: machine.serial?.toLowerCase() ?? null })));
    expect(await send(server, exported)).toMatchObject({ created: 0, updated: 2 });
  });
});
