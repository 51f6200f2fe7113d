// Members of groups: put in and taken out on a machine's page and in the list, by those who may everywhere, whatever the names.
import { expect, it } from 'vitest';
import type { Group } from '../../../protocol/group.ts';
import type { OneMachine } from '../../../protocol/rest.ts';
import { makeFleet } from '../../fixtures/console/made-fleet.ts';
import { eventually } from '../../server/support.ts';
import { Console, findBarriers, overflowOf } from './support.ts';

const byRule = 'Büro <b>&"räk"</b> 😀';

it('a machine is put into groups and taken out on its page; a group whose rules it fits keeps it', async () => {
  await using console = await Console.start();
  const { server } = console;
  await console.addUser('ann', 'operator');
  await console.addUser('eve', 'viewer');
  await console.addUser('kim', 'none');
  const { db, machines } = await makeFleet(server);
  await db.destroy();
  const { id } = await server.api<Group>('POST', '/v1/groups', { name: byRule, rules: [{ tag: 'production' }] });
  await server.api('POST', '/v1/grants', { user: 'kim', group: byRule, role: 'operator' });
  const machine = () => server.api<OneMachine>('GET', '/v1/machines/web-01');
  const names = async () => (await machine()).groups.map(({ name }) => name);
  const at = `/machines/${machines.get('web-01')}`;

  const page = await console.openAs('ann', at, { viewport: { width: 360, height: 740 } });
  const groups = page.getByRole('list', { name: 'Groups' });
  await groups.getByText('by its rules').waitFor();
  expect(await groups.getByRole('button').count()).toBe(0);
  await page.getByLabel('Put it into a group').selectOption('第一工場');
  await page.getByLabel('Put it into a group').focus();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.getByText('The machine is in 第一工場.').waitFor();
  expect((await names()).toSorted()).toEqual([byRule, '第一工場'].toSorted());
  expect(await groups.getByRole('listitem').count()).toBe(2);
  expect(await page.getByLabel('Put it into a group').getByRole('option').allTextContents()).toEqual([
    'Another group…',
    'Classroom 2',
  ]);
  expect(await findBarriers(page)).toEqual([]);
  expect(await overflowOf(page)).toBe(0);
  await groups.getByRole('button', { name: 'Take out of 第一工場' }).focus();
  await page.keyboard.press('Enter');
  await page.getByText('The machine is no longer in 第一工場.').waitFor();
  expect(await names()).toEqual([byRule]);
  // The button is gone; whoever works by keyboard goes on from here all the same.
  await page.keyboard.press('Tab');
  await groups.locator('a:focus', { hasText: byRule }).waitFor();

  await server.api('POST', `/v1/groups/${id}/members`, { add: ['web-01'] });
  await groups.getByRole('button', { name: `Take out of ${byRule}` }).click();
  await page.getByText(`The machine stays in ${byRule}, whose rules it fits.`).waitFor();
  expect(await machine()).toMatchObject({ groups: [{ id }], fixedGroupIds: [] });

  // Neither whoever only looks, nor whoever is operator on a group only.
  for (const name of ['eve', 'kim']) {
    const theirs = await console.openAs(name, at);
    await theirs.getByRole('list', { name: 'Groups' }).getByText(byRule).waitFor();
    expect(await theirs.getByLabel('Put it into a group').count()).toBe(0);
    expect(await theirs.getByRole('button', { name: /^(Put in|Take out)/ }).count()).toBe(0);
  }
  expect(console.complaints).toEqual([]);
}, 180_000);

it('many machines of the list are put into a group and taken out at once', async () => {
  await using console = await Console.start();
  const { server } = console;
  await console.addUser('ann', 'operator');
  await console.addUser('kim', 'none');
  const { db } = await makeFleet(server);
  await db.destroy();
  await server.api('POST', '/v1/groups', { name: byRule, rules: [{ tag: 'production' }] });
  await server.api('POST', '/v1/grants', { user: 'kim', group: '第一工場', role: 'operator' });
  const countOf = async (wanted: string) =>
    (await server.api<Group[]>('GET', '/v1/groups')).find(({ name }) => name === wanted)?.machineCount;

  const page = await console.openAs('ann', '/machines?search=lab-0');
  await page.getByRole('status').getByText('9 machines').waitFor();
  await page.getByRole('checkbox', { name: 'Choose all' }).check();
  await page.getByRole('button', { name: 'Change the groups of 9' }).click();
  const dialog = page.getByRole('dialog', { name: 'Change the groups of 9' });
  await dialog.getByText('lab-01, lab-02').waitFor();
  expect(await dialog.getByRole('button', { name: 'Put in' }).isDisabled()).toBe(true);
  await dialog.getByLabel('Group').selectOption(`${byRule} (1)`);
  await dialog.getByText('This group has rules, too').waitFor();
  expect(await findBarriers(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Put in' }).click();
  await page.getByText(`9 machines are put into ${byRule}.`).waitFor();
  expect(await countOf(byRule)).toBe(10);
  // Then nothing is chosen, and the list knows the group.
  expect(await page.getByRole('button', { name: /Change the groups/ }).count()).toBe(0);
  await page.getByLabel('Group').selectOption(byRule);
  await page.getByRole('searchbox').fill('');
  await page.getByRole('status').getByText('10 machines').waitFor();
  await page.getByRole('checkbox', { name: 'Choose all' }).check();
  await page.getByRole('button', { name: 'Change the groups of 10' }).click();
  const all = page.getByRole('dialog', { name: 'Change the groups of 10' });
  await all.getByLabel('Group').selectOption(`${byRule} (10)`);
  await all.getByRole('button', { name: 'Take out' }).click();
  await page.getByText(`10 machines are taken out of ${byRule}.`).waitFor();
  // The one that its rules fit stays.
  await eventually(async () => (await countOf(byRule)) === 1);

  const kim = await console.openAs('kim', '/machines');
  await kim.getByRole('checkbox', { name: 'Choose all' }).check();
  await kim.getByRole('link', { name: /Run a scenario on/ }).waitFor();
  expect(await kim.getByRole('button', { name: /Change the groups/ }).count()).toBe(0);
  expect(console.complaints).toEqual([]);
}, 180_000);
