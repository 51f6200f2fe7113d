// People and the audit log: who may do what is decided and seen in the browser.
import { expect, it } from 'vitest';
import type { Grant } from '../../../protocol/people.ts';
import { eventually } from '../../server/support.ts';
import { Console, findBarriers, overflowOf, password } from './support.ts';

it('an administrator adds a user, changes them, sets a password and removes them; the log has it all', async () => {
  await using console = await Console.start();
  await console.addUser('ann', 'administrator');
  const page = await console.openAs('ann', '/people');
  await page.getByRole('button', { name: 'Add a user' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('ボブ');
  await dialog.getByLabel('Password').fill(password);
  await dialog.getByRole('radio', { name: /operator/ }).check();
  expect(await findBarriers(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Add a user' }).click();
  await page.getByText('ボブ can log in now.').waitFor();
  await page.getByLabel('Role of ボブ').selectOption('viewer');
  await page.getByText('ボブ is changed.').waitFor();
  const actions = page.getByRole('group', { name: 'Actions for ボブ' });
  await actions.getByRole('button', { name: 'Disable' }).click();
  await page.getByText('disabled').waitFor();
  expect(await console.server.api('GET', '/v1/users')).toMatchObject([
    { name: 'ann' },
    { name: 'ボブ', role: 'viewer', disabled: true },
  ]);
  await actions.getByRole('button', { name: 'Set password' }).click();
  await dialog.getByLabel('New password').fill('another long password');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.waitFor({ state: 'detached' });
  // One's own row has nothing by which one could shut oneself out.
  const own = page.getByRole('group', { name: 'Actions for ann' }).getByRole('button');
  expect(await own.allTextContents()).toEqual(['Set password']);
  expect(await findBarriers(page)).toEqual([]);
  await actions.getByRole('button', { name: 'Remove' }).click();
  await dialog.getByRole('button', { name: 'Remove' }).click();
  await page.getByText('ボブ is removed.').waitFor();
  await page.getByRole('link', { name: 'Audit' }).click();
  await page.getByRole('searchbox').fill('DELETE users');
  await page.getByRole('cell', { name: 'DELETE /v1/users/:id' }).waitFor();
  expect(await page.getByRole('row').count()).toBe(2);
  expect(await findBarriers(page)).toEqual([]);
  expect(console.complaints).toEqual([]);
});

it('whoever is no administrator sees their own logins and tokens; a token is shown once and works until it is revoked', async () => {
  await using console = await Console.start();
  await console.addUser('ann', 'administrator');
  await console.addUser('eve', 'operator');
  const page = await console.openAs('eve', '/people', { viewport: { width: 360, height: 740 } });
  await page.getByRole('cell', { name: 'eve', exact: true }).waitFor();
  expect(await page.getByRole('cell', { name: 'ann' }).count()).toBe(0);
  expect(await page.getByRole('button', { name: 'Add a user' }).count()).toBe(0);
  expect(await page.getByRole('link', { name: 'Audit' }).count()).toBe(0);
  await page.getByRole('button', { name: 'Make a token' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('What for').fill('nightly');
  expect(await dialog.getByLabel('Role').getByRole('option').allTextContents()).toEqual(['viewer', 'operator']);
  await dialog.getByRole('button', { name: 'Make a token' }).click();
  const token = (await dialog.locator('.token').textContent()) ?? '';
  const meOf = () => console.server.tls('/v1/me', { headers: { authorization: `Bearer ${token}` } });
  expect((await meOf()).status).toBe(200);
  await dialog.getByRole('button', { name: 'Close' }).click();
  await page.getByRole('button', { name: 'Revoke nightly of eve' }).click();
  await dialog.getByRole('heading', { name: 'Revoke nightly of eve?' }).waitFor();
  expect(await findBarriers(page)).toEqual([]);
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  expect((await meOf()).status).toBe(200);
  await page.getByRole('button', { name: 'Revoke nightly of eve' }).click();
  await dialog.getByRole('button', { name: 'Revoke' }).click();
  await page.getByText('nightly is revoked.').waitFor();
  expect((await meOf()).status).toBe(401);
  expect(await overflowOf(page)).toBe(0);
  expect(await findBarriers(page)).toEqual([]);
  expect(console.complaints).toEqual([]);
});

it('roles on groups are given, changed and taken away; one’s own stays, and others see theirs and the machines of it', async () => {
  await using console = await Console.start();
  const { server } = console;
  await console.addUser('ann', 'administrator');
  await console.addUser('eve', 'none');
  for (const name of ['Lab 3', 'Office']) await server.api('POST', '/v1/groups', { name, members: [] });
  await server.api('POST', '/v1/grants', { user: 'ann', group: 'Office', role: 'viewer' });
  const page = await console.openAs('ann', '/people');
  const table = page.getByRole('table', { name: 'Roles on groups of machines' });
  await table.getByRole('row', { name: 'ann Office viewer' }).waitFor();
  expect(await table.getByRole('button').count()).toBe(0);
  expect(await table.getByRole('combobox').count()).toBe(0);
  await page.getByRole('button', { name: 'Give a role on a group' }).click();
  const dialog = page.getByRole('dialog');
  expect(await dialog.getByLabel('User').getByRole('option').allTextContents()).toEqual([
    'Choose…',
    'eve (groups only)',
  ]);
  await dialog.getByLabel('User').selectOption({ label: 'eve (groups only)' });
  await dialog.getByLabel('Group').selectOption({ label: 'Lab 3 (0)' });
  expect(await findBarriers(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Give a role on a group' }).click();
  await page.getByText('eve has the role on Lab 3.').waitFor();
  const ofEve = async () =>
    (await server.api<Grant[]>('GET', '/v1/grants')).flatMap(({ userName, groupName, role }) =>
      userName === 'eve' ? [`${role} on ${groupName}`] : [],
    );
  expect(await ofEve()).toEqual(['operator on Lab 3']);
  await table.getByRole('combobox', { name: 'Role of eve on Lab 3' }).selectOption('viewer');
  await eventually(async () => (await ofEve())[0] === 'viewer on Lab 3');
  expect(await findBarriers(page)).toEqual([]);

  const eve = await console.openAs('eve', '/people', { viewport: { width: 360, height: 740 } });
  await eve.getByRole('row', { name: 'eve Lab 3 viewer' }).waitFor();
  expect(await eve.getByRole('row', { name: 'ann Office viewer' }).count()).toBe(0);
  expect(await eve.getByRole('button', { name: 'Give a role' }).count()).toBe(0);
  expect(await overflowOf(eve)).toBe(0);

  await table.getByRole('button', { name: 'Take away the role of eve on Lab 3' }).click();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  expect(await ofEve()).toEqual(['viewer on Lab 3']);
  await table.getByRole('button', { name: 'Take away the role of eve on Lab 3' }).click();
  await dialog.getByRole('button', { name: 'Take away' }).click();
  await page.getByText('eve has no role on Lab 3 any more.').waitFor();
  expect(await ofEve()).toEqual([]);
  expect(console.complaints).toEqual([]);
});
