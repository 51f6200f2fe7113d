// The list of machines: found, sorted, approved, live, and fluid when it is long.
import { expect, it } from 'vitest';
import { makeFleet, makeLongFleet } from '../../fixtures/console/made-fleet.ts';
import { ScriptedAgent } from '../../server/scripted-agent.ts';
import { eventually } from '../../server/support.ts';
import { Console } from './support.ts';

it('machines are found by words and by state, and the address of the page keeps both', async () => {
  await using console = await Console.start();
  await console.addUser('ann', 'operator');
  const { db } = await makeFleet(console.server);
  const page = await console.openAs('ann', '/machines');
  await page.getByRole('status').getByText('34 machines').waitFor();
  await page.getByRole('searchbox').fill('検査 esprimo');
  await page.getByRole('status').getByText('3 machines').waitFor();
  await page.getByRole('button', { name: /^Working/ }).click();
  await page.getByRole('status').getByText('1 machine').waitFor();
  await page.reload();
  await page.getByRole('link', { name: '検査ライン-1' }).waitFor();
  expect(await page.getByRole('searchbox').inputValue()).toBe('検査 esprimo');
  expect(await page.getByRole('link', { name: '検査ライン-2' }).count()).toBe(0);
  await db.destroy();
  expect(console.complaints).toEqual([]);
});

it('machines are approved one by one and many at once, by those who may', async () => {
  await using console = await Console.start();
  await console.addUser('ann', 'operator');
  await console.addUser('eve', 'viewer');
  const { db } = await makeFleet(console.server);
  const pending = async () => (await console.server.machines()).filter(({ state }) => state === 'pending').length;
  const eve = await console.openAs('eve', '/machines?state=pending');
  await eve.getByRole('status').getByText('3 machines').waitFor();
  expect(await eve.getByRole('button', { name: /Approve/ }).count()).toBe(0);
  expect(await eve.getByRole('checkbox').count()).toBe(0);
  const page = await console.openAs('ann', '/machines?state=pending');
  await page.getByRole('button', { name: 'Approve 00-25-5c-00-00-11' }).click();
  await page.getByText('1 machine is approved.').waitFor();
  await page.getByRole('status').getByText('2 machines').waitFor();
  await page.getByRole('checkbox', { name: 'Choose all' }).check();
  await page.getByRole('button', { name: 'Approve 2' }).click();
  await page.getByText('2 machines are approved.').waitFor();
  expect(await pending()).toBe(0);
  // Those that are approved can be worked on from here.
  await page.getByRole('searchbox').fill('web-0');
  await page.getByRole('button', { name: /^All/ }).click();
  await page.getByRole('checkbox', { name: 'Choose all' }).check();
  await page.getByRole('link', { name: 'Run a scenario on 2' }).click();
  await page.getByRole('heading', { name: 'Run a scenario' }).waitFor();
  await page.getByText('2 chosen').waitFor();
  // Whoever only looks sees it too, without doing anything.
  await eve.getByText('No machine fits.').waitFor();
  await db.destroy();
});

it('a machine that registers appears by itself, and one that goes is shown as away', async () => {
  await using console = await Console.start();
  await console.addUser('ann', 'operator');
  const page = await console.openAs('ann', '/machines');
  await page.getByText('No machine has registered yet.').waitFor();
  const uuid = '8a6e0804-2bd0-4672-b79d-d97027f9071a';
  const { port } = console.server.running;
  const agent = await ScriptedAgent.join({ port, uuid, token: await console.server.bootToken(uuid) });
  await page.getByRole('link', { name: '52-54-00-00-00-01' }).waitFor();
  await page.getByRole('button', { name: 'Approve 52-54-00-00-00-01' }).click();
  await page.getByRole('cell', { name: 'Ready' }).waitFor();
  await page.getByText('QEMU Standard PC').waitFor();
  agent.cut();
  await page.getByRole('cell', { name: 'Off or away' }).waitFor();
  // A server that restarts is found again.
  await console.server.running.close();
  await page.getByText('No connection to the server').waitFor();
  await console.server.restart();
  await console.server.api('PATCH', '/v1/machines/52-54-00-00-00-01', { name: 'renamed' });
  await page.getByRole('link', { name: 'renamed' }).waitFor({ timeout: 15_000 });
  expect(await page.getByText('No connection to the server').count()).toBe(0);
});

it('of a thousand machines only those in sight are in the page, and the last is reached by scrolling', async () => {
  await using console = await Console.start();
  await console.addUser('ann', 'operator');
  const { db } = await makeLongFleet(console.server, 1000);
  await db.destroy();
  const page = await console.openAs('ann', '/machines');
  await page.getByRole('status').getByText('1000 machines').waitFor();
  const rows = page.locator('tbody tr:not([aria-hidden])');
  expect(await rows.count()).toBeLessThan(80);
  expect(await page.getByRole('table').getAttribute('aria-rowcount')).toBe('1001');
  await page.keyboard.press('End');
  await page.getByRole('link', { name: 'pc-1000' }).waitFor();
  expect(await rows.count()).toBeLessThan(80);
  // What a search costs with all of them: well within a frame or two, and never a second.
  await page.getByRole('searchbox').fill('pc-07');
  await page.getByRole('status').getByText('100 machines').waitFor();
  await page.getByRole('checkbox', { name: 'Choose all' }).check();
  await page.getByText('100 chosen').waitFor();
  await eventually(async () => (await rows.count()) < 80);
});
