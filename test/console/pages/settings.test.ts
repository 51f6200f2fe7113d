// Settings: limits by administrators; groups and approval rules by operators.
import { expect, it } from 'vitest';
import { makeFleet } from '../../fixtures/console/made-fleet.ts';
import { Console, findBarriers } from './support.ts';

it('limits are set, groups and approval rules made and removed, each by those who may', async () => {
  await using console = await Console.start();
  await console.addUser('ann', 'administrator');
  await console.addUser('bob', 'operator');
  await (await makeFleet(console.server)).db.destroy();
  const page = await console.openAs('bob', '/settings');
  await page.getByLabel('On one server').waitFor();
  expect(await page.getByLabel('On one server').isDisabled()).toBe(true);
  await page.getByRole('button', { name: 'Add a group' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name', { exact: true }).fill('Servers');
  await dialog.getByLabel('Address in').fill('not a network');
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await dialog.getByRole('alert').getByText('is not ADDRESS/PREFIX').waitFor();
  await dialog.getByLabel('Address in').fill('');
  await dialog.getByLabel('Machines by name').fill('web-01, db-01');
  expect(await findBarriers(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByRole('row', { name: 'Servers 2 Remove' }).waitFor();
  await page.getByRole('button', { name: 'Add an approval rule' }).click();
  await dialog.getByLabel('Name', { exact: true }).fill('racks');
  await dialog.getByLabel('MAC address begins with').fill('52:54:00');
  await dialog.getByLabel('Group that').selectOption('Servers');
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByRole('row', { name: /racks MAC address begins with 52:54:00 Servers/ }).waitFor();
  await page.getByRole('button', { name: 'Remove New classroom PCs' }).click();
  await page.getByText('New classroom PCs is removed.').waitFor();
  expect(await console.server.api('GET', '/v1/approval-rules')).toMatchObject([{ name: 'racks', group: 'Servers' }]);

  const ann = await console.openAs('ann', '/settings');
  await ann.getByLabel('In one network').fill('4');
  await ann.getByRole('button', { name: 'Save' }).click();
  await ann.getByText('Saved.').waitFor();
  expect(await console.server.api('GET', '/v1/settings')).toMatchObject({ jobLimits: { network: 4, server: null } });
  expect(console.complaints).toEqual([]);
});
