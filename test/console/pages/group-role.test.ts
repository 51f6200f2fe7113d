// Somebody who may work on one group of machines only: what the console shows of the others (nothing), and what can be done on the group's own.
import { expect, it } from 'vitest';
import type { Machine } from '../../../protocol/rest.ts';
import { ScriptedAgent } from '../../server/scripted-agent.ts';
import { uuidA, uuidB } from '../../server/support.ts';
import { Console } from './support.ts';

it('a role on one group opens its machines, and jobs on them from the first click to the report', async () => {
  await using console = await Console.start({ approve: 'all' });
  const { server } = console;
  const { port } = server.running;
  await console.addUser('kim', 'none');
  const agent = await ScriptedAgent.join({ port, token: await server.bootToken(uuidA), uuid: uuidA });
  const other = await ScriptedAgent.join({ port, token: await server.bootToken(uuidB), uuid: uuidB });
  await agent.next('welcome');
  await other.next('welcome');
  const machines = await server.machines();
  const idOf = (uuid: string) => machines.find(({ inventory }) => inventory?.smbios.uuid === uuid)?.id ?? '';
  await server.api<Machine>('PATCH', `/v1/machines/${idOf(uuidA)}`, { name: 'lab-01' });
  await server.api<Machine>('PATCH', `/v1/machines/${idOf(uuidB)}`, { name: 'web-01' });
  await server.api('POST', '/v1/groups', { name: 'Classroom', members: [idOf(uuidA)] });
  await server.api('POST', '/v1/grants', { user: 'kim', group: 'Classroom', role: 'operator' });
  await server.api('POST', '/v1/scenarios', { name: 'look', steps: [{ kind: 'check' }], end: 'wait' });

  const page = await console.openAs('kim', '/machines');
  await page.getByRole('link', { name: 'lab-01' }).waitFor();
  expect(await page.getByRole('link', { name: 'web-01' }).count()).toBe(0);
  const offered = await page.getByRole('navigation').getByRole('link').allInnerTexts();
  expect(offered).toEqual(['Machines', 'Wall', 'Jobs', 'Scenarios', 'People']);
  await page.getByRole('link', { name: 'lab-01' }).click();
  await page.getByRole('link', { name: 'Run a scenario' }).click();
  await page.getByRole('heading', { name: 'Run a scenario' }).waitFor();
  await page.getByRole('combobox', { name: 'Scenario' }).selectOption({ label: 'look' });
  await page.getByRole('button', { name: /^Run/ }).click();
  agent.done(await agent.next('job', 30_000));
  await page.goto('/jobs');
  await page.getByRole('link', { name: 'look' }).first().click();
  await page.locator('.state').getByText('Succeeded').first().waitFor();
  // Not by its address either.
  await page.goto(`/machines/${idOf(uuidB)}`);
  await page.getByRole('alert').first().waitFor();
  expect(await page.getByText('web-01').allInnerTexts()).toEqual([]);
  agent.cut();
  other.cut();
});
