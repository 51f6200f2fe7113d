// Groups, tags and searches: which machines a person means.
import { describe, expect, it, vi } from 'vitest';
import type { Group } from '../../protocol/group.ts';
import type { Inventory } from '../../protocol/inventory.ts';
import type { Machine, OneMachine } from '../../protocol/rest.ts';
import type { Database } from '../../server/database/schema.ts';
import { findGroup } from '../../server/groups/groups.ts';
import { machinesOfGroup } from '../../server/groups/members.ts';
import { listMachines } from '../../server/machines/list-machines.ts';
import { fillFacts } from '../../server/machines/machine-facts.ts';
import { recordInventory } from '../../server/machines/register-machine.ts';
import { newId } from '../../server/new-id.ts';
import { openByText } from '../fixtures/databases.ts';
import { makeInventory, TestServer } from './support.ts';

const uuid = (n: number) => `5d0b1a4e-0004-4000-8000-${String(n).padStart(12, '0')}`;
const mac = (n: number) => `52:54:00:00:0${n}:ff`;

/** Machines pc-1, pc-2 and pc-3, of which the agents of the first two have registered. */
async function withMachines(work: (server: TestServer, db: Database) => Promise<void>): Promise<void> {
  await using server = await TestServer.start();
  const db = await openByText(server.database);
  try {
    for (const n of [1, 2, 3]) {
      await server.bootToken(uuid(n), mac(n));
      await server.api('PATCH', `/v1/machines/${mac(n).replaceAll(':', '-')}`, { name: `pc-${n}` });
    }
    for (const machine of await listMachines(db, { after: '', limit: 2 })) {
      await recordInventory(db, machine.id, inventoryOf(Number(machine.name.slice(-1))));
    }
    await work(server, db);
  } finally {
    await db.destroy();
  }
}

function inventoryOf(n: number): Inventory {
  const inventory = makeInventory(uuid(n), mac(n));
  const smbios = { uuid: uuid(n), serial: `SER_${n}%`, manufacturer: 'Dell Inc.', product: `OptiPlex ${n}000` };
  const nics = inventory.nics.map((nic) => ({ ...nic, addresses: [`10.7.${n}.5/24`] }));
  return { ...inventory, smbios, nics };
}

const find = async (server: TestServer, query: string) =>
  (await server.api<Machine[]>('GET', `/v1/machines?${query}`)).map(({ name }) => name);

describe('a list of machines', () => {
  it('has those of which all words are true, whatever they are about', async () => {
    await withMachines(async (server) => {
      await server.api('PATCH', '/v1/machines/pc-3', { addTags: ['Prüfstand'] });
      const found = [];
      const words = ['PC-2', 'ser_1%', 'ser%1', 'optiplex 2000', 'dell', '52-54-00-00-01', '5254000003', '10.7.2'];
      for (const text of [...words, 'PRÜF', uuid(3).slice(-4), '2000 ser_1', '\\', '_', '']) {
        found.push([text, (await find(server, `search=${encodeURIComponent(text)}`)).join()]);
      }
      expect(found).toEqual([
        ['PC-2', 'pc-2'],
        ['ser_1%', 'pc-1'],
        ['ser%1', ''],
        ['optiplex 2000', 'pc-2'],
        ['dell', 'pc-1,pc-2'],
        ['52-54-00-00-01', 'pc-1'],
        ['5254000003', 'pc-3'],
        ['10.7.2', 'pc-2'],
        ['PRÜF', 'pc-3'],
        ['0003', 'pc-3'],
        ['2000 ser_1', ''],
        ['\\', ''],
        ['_', 'pc-1,pc-2'],
        ['', 'pc-1,pc-2,pc-3'],
      ]);
    });
  });

  it('is filtered and read page by page', async () => {
    await withMachines(async (server, db) => {
      await server.api('PATCH', '/v1/machines/pc-2', { state: 'approved', addTags: ['x'] });
      const onlineUntil = new Date(Date.now() + 60_000).toISOString();
      await db.updateTable('machines').set({ onlineUntil }).where('name', '=', 'pc-3').execute();
      expect(await find(server, 'state=approved')).toEqual(['pc-2']);
      expect(await find(server, 'tag=X')).toEqual(['pc-2']);
      expect(await find(server, 'online=true')).toEqual(['pc-3']);
      expect(await find(server, 'online=false')).toEqual(['pc-1', 'pc-2']);
      expect(await find(server, 'limit=2')).toEqual(['pc-1', 'pc-2']);
      expect(await find(server, 'limit=2&after=pc-2')).toEqual(['pc-3']);
      await expect(find(server, 'limit=0')).rejects.toThrow('400');
      await expect(find(server, 'online=perhaps')).rejects.toThrow('400');
    });
  });

  it('of ten thousand machines finds the right ones, and reads the inventories of no others', async () => {
    await using server = await TestServer.start();
    const db = await openByText(server.database);
    await insertMachines(db, 10_000);
    const parse = vi.spyOn(JSON, 'parse');
    for (const [query, count] of [
      ['search=sn-9876', 1],
      ['search=optiplex+sn-99&limit=100', 100],
      ['limit=100&after=pc-05000', 100],
      ['tag=t1&limit=100', 100],
    ] as const) {
      parse.mockClear();
      expect([query, (await find(server, query)).length]).toEqual([query, count]);
      expect([query, parse.mock.calls.length < 5 * count + 20]).toEqual([query, true]);
    }
    parse.mockRestore();
    await db.destroy();
  });
});

/** With inventories as large as those of real machines. */
async function insertMachines(db: Database, count: number): Promise<void> {
  const { disks, ...rest } = inventoryOf(1);
  const filling = { disks, note: 'x'.repeat(4000) };
  const common = {
    state: 'approved',
    createdAt: '',
    lastSeenAt: null,
    onlineUntil: null,
    bootProfileId: null,
  } as const;
  const numbers = Array.from({ length: count }, (_, n) => ({ n, id: newId() }));
  for (let at = 0; at < count; at += 500) {
    const some = numbers.slice(at, at + 500);
    const machines = some.map(({ n, id }) => {
      const smbios = { ...rest.smbios, serial: `SN-${n}` };
      const inventory = JSON.stringify({ ...rest, ...filling, smbios });
      return {
        ...common,
        id,
        name: `pc-${String(n).padStart(5, '0')}`,
        inventory,
        address: `10.0.${n >> 8}.${n & 255}`,
      };
    });
    await db.insertInto('machines').values(machines).execute();
    const tags = some.map(({ n, id }) => ({ machineId: id, tag: `T${n % 10}`, foldedTag: `t${n % 10}` }));
    await db.insertInto('machineTags').values(tags).execute();
  }
  await db.transaction().execute(fillFacts);
}

describe('tags', () => {
  it('are put on and taken off, the same in upper and lower case, and counted', async () => {
    await withMachines(async (server) => {
      const change = (name: string, patch: object) => server.api<Machine>('PATCH', `/v1/machines/${name}`, patch);
      await change('pc-1', { addTags: ['Labor', 'alt'] });
      expect((await change('pc-1', { addTags: ['LABOR', '予備'] })).tags).toEqual(['alt', 'Labor', '予備']);
      await change('pc-2', { addTags: ['labor'] });
      expect(await server.api('GET', '/v1/tags')).toEqual([
        { tag: 'alt', machineCount: 1 },
        { tag: 'Labor', machineCount: 2 },
        { tag: '予備', machineCount: 1 },
      ]);
      expect((await change('pc-1', { removeTags: ['labor', 'none'] })).tags).toEqual(['alt', '予備']);
      await expect(change('pc-1', { addTags: ['a\nb'] })).rejects.toThrow('400');
    });
  });
});

describe('a group', () => {
  it('has the machines that were put into it and those that one of its rules fits, as both change', async () => {
    await withMachines(async (server, db) => {
      const body = {
        name: 'Büro',
        members: ['pc-3'],
        rules: [{ product: 'OptiPlex*', subnet: '10.7.2.0/24' }, { tag: 'b' }],
      };
      const group = await server.api<Group>('POST', '/v1/groups', body);
      expect(group).toMatchObject({ name: 'Büro', machineCount: 2 });
      const [byRule, fixed] = [
        await server.api<OneMachine>('GET', '/v1/machines/pc-2'),
        await server.api<OneMachine>('GET', '/v1/machines/pc-3'),
      ];
      expect([byRule, fixed].map(({ groups, fixedGroupIds }) => [groups.length, fixedGroupIds])).toEqual([
        [1, []],
        [1, [group.id]],
      ]);
      const members = () => find(server, `group=${encodeURIComponent('BÜRO')}`);
      expect(await members()).toEqual(['pc-2', 'pc-3']);
      expect((await machinesOfGroup(db, (await findGroup(db, 'büro')).id)).map(({ name }) => name)).toEqual([
        'pc-2',
        'pc-3',
      ]);
      await server.api('PATCH', '/v1/machines/pc-1', { addTags: ['B'] });
      expect(await members()).toEqual(['pc-1', 'pc-2', 'pc-3']);
      const [second] = await listMachines(db, { search: 'pc-2' });
      await recordInventory(db, second?.id ?? '', inventoryOf(4));
      expect(await members()).toEqual(['pc-1', 'pc-3']);
      await server.api('PATCH', `/v1/groups/${group.id}`, { rules: [{ serial: 'ser_4*' }] });
      expect(await members()).toEqual(['pc-2', 'pc-3']);
      await server.api('POST', `/v1/groups/${group.id}/members`, { add: ['pc-2', 'pc-1'], remove: ['pc-3'] });
      await server.api('PATCH', `/v1/groups/${group.id}`, { rules: [] });
      expect(await members()).toEqual(['pc-1', 'pc-2']);
      expect(await server.api('GET', `/v1/groups/${encodeURIComponent('büro')}`)).toMatchObject({
        members: [{ name: 'pc-1' }, { name: 'pc-2' }],
      });
      expect((await server.api<Machine>('GET', '/v1/machines/pc-1')).groups).toEqual([{ id: group.id, name: 'Büro' }]);
      await server.api('DELETE', '/v1/machines/pc-1');
      expect(await server.api('GET', '/v1/groups')).toMatchObject([{ name: 'Büro', machineCount: 1 }]);
      await server.api('DELETE', `/v1/groups/${encodeURIComponent('büro')}`);
      await expect(members()).rejects.toThrow('group-not-found');
    });
  });

  it('keeps its name to itself, and changes wholly or not at all', async () => {
    await withMachines(async (server) => {
      await server.api('POST', '/v1/groups', { name: 'Ä' });
      await server.api('POST', '/v1/groups', { name: 'b' });
      await expect(server.api('POST', '/v1/groups', { name: 'ä'.normalize('NFD') })).rejects.toThrow('group-exists');
      await expect(server.api('PATCH', '/v1/groups/b', { name: 'ä' })).rejects.toThrow('group-exists');
      await server.api('PATCH', '/v1/groups/b', { name: 'B' });
      const change = { add: ['pc-1', 'gone'] };
      await expect(server.api('POST', '/v1/groups/b/members', change)).rejects.toThrow("no machine 'gone'");
      await expect(server.api('POST', '/v1/groups', { name: 'c', members: ['gone'] })).rejects.toThrow('404');
      expect(await server.api('GET', '/v1/groups')).toMatchObject([
        { name: 'B', machineCount: 0 },
        { name: 'Ä', machineCount: 0 },
      ]);
    });
  });
});
