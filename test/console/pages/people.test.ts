// People and the audit log: who may do what is decided and seen in the browser.
import { expect, it } from 'vitest';
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
  await page.getByRole('cell', { name: 'eve' }).waitFor();
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
  await page.getByRole('button', { name: 'Revoke nightly' }).click();
  await page.getByText('nightly is revoked.').waitFor();
  expect((await meOf()).status).toBe(401);
  expect(await overflowOf(page)).toBe(0);
  expect(await findBarriers(page)).toEqual([]);
  expect(console.complaints).toEqual([]);
});
