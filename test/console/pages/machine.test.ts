// A machine's page: its disks as they lie, members folded, what has changed; renamed and forgotten after a question.
import { expect, it } from 'vitest';
import { makeFleet } from '../../fixtures/console/made-fleet.ts';
import { Console } from './support.ts';

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
