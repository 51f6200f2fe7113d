// A whole room of machines boots at once, at two servers of one PostgreSQL.
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { recordInventory, registerMachine, settleIdentity } from '../../server/machines/register-machine.ts';
import { openByText } from '../fixtures/databases.ts';
import { makeInventory, TestServer } from './support.ts';

it('registers all of them', async () => {
  await using server = await TestServer.start();
  // A file has one server.
  const servers = server.database.startsWith('sqlite') ? 1 : 2;
  const dbs = await Promise.all(Array.from({ length: servers }, () => openByText(server.database)));
  const failed: string[] = [];
  const boot = async (number: number): Promise<void> => {
    const db = dbs[number % dbs.length] ?? expect.unreachable();
    const [uuid, mac] = [randomUUID(), `52:54:00:00:00:${number.toString(16).padStart(2, '0')}`];
    const inventory = makeInventory(uuid, mac);
    const said = { ...inventory, smbios: { ...inventory.smbios, serial: `CZC-${number}` } };
    const machine = await registerMachine(db, { uuid, macs: [mac], address: '10.0.0.1', approvedBy: null });
    const id = await settleIdentity(db, { machineId: machine?.id ?? '', bootId: 'boot' }, said);
    await recordInventory(db, id, said);
  };
  const rooms = Array.from({ length: 200 }, (_, number) => boot(number).catch((thrown) => failed.push(String(thrown))));
  await Promise.all(rooms);
  expect(failed).toEqual([]);
  expect(await server.machines()).toHaveLength(200);
  for (const db of dbs) await db.destroy();
});
