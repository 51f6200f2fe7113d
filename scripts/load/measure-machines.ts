// Many machines in the database, few of them there: how long lists and searches take.

import { readServerConfig } from '../../server/config.ts';
import { openDatabase } from '../../server/database/open.ts';
import { recordInventory, registerMachine } from '../../server/machines/register-machine.ts';
import { makeUpMachine } from './made-up-machine.ts';
import { percentile, ServerUnderTest } from './server-under-test.ts';

const times = 30;
const questions = {
  'a page of 100': '/v1/machines?limit=100',
  'the last page': '/v1/machines?limit=100&after=02-fe',
  'search: a serial number': '/v1/machines?search=SN004711&limit=100',
  'search: a model, a page of it': '/v1/machines?search=proliant&limit=100',
  'search: nothing found': '/v1/machines?search=nowhere&limit=100',
  'who is online': '/v1/machines?online=true&limit=100',
} as const;

export async function measureMachines(dataDir: string, count: number, args: readonly string[]) {
  const database = args.includes('--database') ? args[args.indexOf('--database') + 1] : undefined;
  const { database: location } = readServerConfig({ data: dataDir, database });
  const db = await openDatabase(location);
  for (let number = 0; number < count; number++) {
    const inventory = makeUpMachine(number);
    const macs = inventory.nics.map(({ mac }) => mac);
    const sighting = { uuid: inventory.smbios.uuid, macs, address: '10.0.0.1', approvedBy: null };
    const machine = await registerMachine(db, sighting);
    if (machine !== null) await recordInventory(db, machine.id, inventory);
  }
  await db.destroy();
  await using server = await ServerUnderTest.start(dataDir, args);
  const rows = [];
  for (const [what, path] of Object.entries(questions)) {
    const waits: number[] = [];
    for (let i = 0; i < times; i++) waits.push(await server.time(path));
    const answer = await server.ask('GET', path);
    rows.push({
      what,
      machines: (JSON.parse(answer.toString()) as unknown[]).length,
      kiB: Math.round(answer.length / 1024),
      medianMs: percentile(waits, 0.5),
      maxMs: Math.max(...waits),
    });
  }
  return { machines: count, memoryMiB: await server.memoryMiB(), rows };
}
