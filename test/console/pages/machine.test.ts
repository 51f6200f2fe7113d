// A machine's page: its disks as they lie, members folded, what has changed; renamed and forgotten after a question.
import { expect, it } from 'vitest';
import { makeFleet } from '../../fixtures/console/made-fleet.ts';
import { ScriptedAgent } from '../../server/scripted-agent.ts';
import { uuidA, uuidB } from '../../server/support.ts';
import { Console, findBarriers } from './support.ts';

it('disks are told with their partitions, members below their array, and what has changed', async () => {
  await using console = await Console.start();
  await console.addUser('ann', 'viewer');
  const { db, machines } = await makeFleet(console.server);
  await db.destroy();
  const page = await console.openAs('ann', `/machines/${machines.get('web-01')}`);
  const array = page.getByRole('article', { name: 'Disk 1' });
  const partition = array.getByRole('row', { name: /LVM2_member vg0/ });
  expect(await partition.getByRole('cell').allTextContents()).toEqual([
    '3',
    'LVM2_member',
    'vg0',
    '380 GiB',
    '243 GiB',
  ]);
  // Folded until asked for: a member is no disk of its own.
  expect(await page.getByRole('article').count()).toBe(2);
  expect(await array.getByText('BTYF10101').isVisible()).toBe(false);
  await array.getByText('2 members').click();
  await array.getByText('BTYF10101').waitFor();
  await page
    .getByText(/path .* is lost|no longer|path/i)
    .first()
    .waitFor();
  const history = page.getByRole('region', { name: 'Disk history' });
  expect(await history.getByText('Warning').count()).toBeGreaterThan(0);
  // Whoever only looks is offered nothing else.
  expect(await page.getByRole('button', { name: /Rename|Forget|Turn on/ }).count()).toBe(0);
  expect(console.complaints).toEqual([]);
});

it('a machine is renamed and forgotten by those who may, after a question', async () => {
  await using console = await Console.start();
  await console.addUser('ann', 'operator');
  const { db, machines } = await makeFleet(console.server);
  await db.destroy();
  const page = await console.openAs('ann', `/machines/${machines.get('検査ライン-3')}`);
  await page.getByRole('button', { name: 'Rename' }).click();
  await page.getByRole('dialog').getByLabel('New name').fill('lab-01');
  await page.getByRole('dialog').getByRole('button', { name: 'Rename' }).click();
  await page.getByRole('alert').getByText("is called 'lab-01'").waitFor();
  await page.getByRole('dialog').getByLabel('New name').fill('検査ライン-9');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: '検査ライン-9' }).waitFor();
  await page.getByRole('button', { name: 'Forget' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  expect((await console.server.machines()).length).toBe(34);
  await page.getByRole('button', { name: 'Forget' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Forget' }).click();
  await page.getByRole('heading', { level: 1, name: 'Machines' }).waitFor();
  await page.getByRole('status').getByText('33 machines').waitFor();
  expect(console.complaints).toEqual([]);
});

it('a machine that another one resembles says so, and the two records are made one after a question', async () => {
  await using console = await Console.start();
  await console.addUser('ann', 'operator');
  const { port } = console.server.running;
  // A dongle that goes round: both say its address, the second is known by another one.
  const agents = [];
  for (const [uuid, mac] of [
    [uuidA, '52:54:00:00:00:01'],
    [uuidB, '52:54:00:00:00:02'],
  ] as const) {
    const agent = await ScriptedAgent.join({ port, uuid, token: await console.server.bootToken(uuid, mac) });
    await agent.next('welcome');
    agents.push(agent);
  }
  const [, second] = await console.server.machines();
  const page = await console.openAs('ann', `/machines/${second?.id}`);
  const note = page.getByRole('region', { name: 'Another machine says the same of itself' });
  await note.getByRole('link', { name: '52-54-00-00-00-01' }).waitFor();
  expect(await findBarriers(page)).toEqual([]);
  await note
    .getByRole('button', { name: /It is the same machine/ })
    .first()
    .click();
  await page.getByRole('dialog').getByText('52-54-00-00-00-01 is gone').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'It is the same machine' }).click();
  await page.getByText('The two records are one.').waitFor();
  expect((await console.server.machines()).map(({ id }) => id)).toEqual([second?.id]);
});
