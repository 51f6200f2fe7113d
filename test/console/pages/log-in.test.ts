// The way in: first set-up, login, logout, and what a session that ends looks like.
import { expect, it } from 'vitest';
import { Console, findBarriers, overflowOf, password } from './support.ts';

it('the first set-up takes the operator token, makes an administrator, and is not offered again', async () => {
  await using console = await Console.start();
  const page = await console.open('/');
  await page.getByRole('heading', { name: 'First set-up' }).waitFor();
  expect(await findBarriers(page)).toEqual([]);
  const token = page.getByLabel('Operator token');
  await token.fill('dop_wrong');
  await page.getByLabel('Name').fill('ann');
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByLabel('Password again').fill('something else');
  await page.getByText('The two passwords are not the same.').waitFor();
  await page.getByLabel('Password again').fill(password);
  await page.getByRole('button', { name: 'Make the administrator' }).click();
  await page.getByRole('alert').getByText('unauthorized').waitFor();
  await token.fill(` ${console.server.running.operatorToken}\n`);
  await page.getByRole('button', { name: 'Make the administrator' }).click();
  await page.getByRole('heading', { name: 'Machines' }).waitFor();
  expect(await console.server.api('GET', '/v1/users')).toMatchObject([{ name: 'ann', role: 'administrator' }]);
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  await page.reload();
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  expect(console.complaints).toEqual([]);
});

it('a login is by keyboard alone, and whoever was logged out elsewhere logs in again', async () => {
  await using console = await Console.start();
  await console.addUser('ann', 'viewer');
  const page = await console.open('/');
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  expect(await findBarriers(page)).toEqual([]);
  await page.keyboard.press('Tab');
  await page.keyboard.type('ann');
  await page.keyboard.press('Tab');
  await page.keyboard.type('wrong');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('the name or the password is wrong').waitFor();
  await page.getByLabel('Password').fill(password);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Machines' }).waitFor();
  await console.server.api('PATCH', '/v1/users/ann', { password: 'another long password' });
  await page.goto('/machines');
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  expect(console.complaints).toEqual([]);
});

it('language and theme are as the browser wants them, can be chosen, and stay chosen', async () => {
  await using console = await Console.start();
  await console.addUser('ann', 'viewer');
  const phone = { viewport: { width: 360, height: 740 }, locale: 'ja-JP', colorScheme: 'dark' } as const;
  const page = await console.open('/', phone);
  await page.getByRole('heading', { name: 'ログイン' }).waitFor();
  expect(await page.evaluate('document.documentElement.lang')).toBe('ja');
  expect(await overflowOf(page)).toBe(0);
  const colour = () => page.evaluate<string>('getComputedStyle(document.documentElement).backgroundColor');
  const dark = await colour();
  await page.getByLabel('配色').selectOption('light');
  expect(await colour()).not.toBe(dark);
  await page.getByLabel('言語').selectOption('en');
  await page.reload();
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  expect(await page.getByLabel('Theme').inputValue()).toBe('light');
});
