// Scenarios are written, tried on a machine and run; what is overwritten is seen before.
import { expect, it } from 'vitest';
import type { Job, Scenario } from '../../../protocol/rest.ts';
import { makeFleet } from '../../fixtures/console/made-fleet.ts';
import { Console } from './support.ts';

async function startWithFleet(): Promise<Console> {
  const console = await Console.start();
  await console.addUser('ann', 'operator');
  const { db } = await makeFleet(console.server);
  await db.destroy();
  return console;
}

const jobsOf = async (console: Console, machine: string): Promise<Job[]> =>
  (await console.server.api<Job[]>('GET', '/v1/jobs')).filter(({ machineName }) => machineName === machine);

it('a scenario is written with the form, tried on a machine, saved, changed and removed', async () => {
  await using console = await startWithFleet();
  const page = await console.openAs('ann', '/scenarios');
  await page.getByRole('link', { name: 'New scenario' }).click();
  await page.getByLabel('Name', { exact: true }).first().fill('夜間バックアップ');
  await page.getByRole('button', { name: 'Add a step' }).click();
  await page.getByRole('button', { name: 'Move step 2 up' }).click();
  await page.getByLabel('Name of the image').fill('{machine}-{day}');
  await page.getByLabel('Which disk is read').selectOption('where');
  await page.getByLabel('Bus').fill('nvme');
  await page.getByRole('combobox', { name: 'Machine' }).selectOption('lab-01');
  await page.getByRole('alert').getByText('{day} is no parameter').waitFor();
  await page.getByLabel('Name of the image').fill('{machine}-{date}');
  const plan = page.getByRole('region', { name: 'lab-01' });
  await plan.getByText('ready', { exact: true }).waitFor();
  await plan.getByText(/capture.*disk 1/).waitFor();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { name: '夜間バックアップ', level: 1 }).waitFor();
  const saved = (await console.server.api<Scenario[]>('GET', '/v1/scenarios')).find(
    ({ name }) => name === '夜間バックアップ',
  );
  expect(saved?.steps).toEqual([
    { kind: 'check' },
    { kind: 'capture', source: { by: 'where', internal: true, bus: 'nvme' }, image: '{machine}-{date}' },
  ]);
  await page.reload();
  await page.getByLabel('At the end').selectOption('poweroff');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('夜間バックアップ is saved.').waitFor();
  expect(await console.server.api('GET', `/v1/scenarios/${saved?.id}`)).toMatchObject({
    end: 'poweroff',
    steps: saved?.steps,
  });
  await page.getByRole('button', { name: 'Remove', exact: true }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await page.getByRole('link', { name: 'Check disks', exact: true }).waitFor();
  expect(await page.getByRole('link', { name: '夜間バックアップ' }).count()).toBe(0);
  expect(console.complaints).toEqual([]);
});

it('a disk is overwritten only after it was shown, and those of several machines only after a name was typed', async () => {
  await using console = await startWithFleet();
  const page = await console.openAs('ann', '/run');
  await page.getByLabel('Scenario').selectOption('Restore classroom');
  await page.getByRole('searchbox').fill('lab-0');
  await page.getByRole('checkbox', { name: /^lab-02/ }).check();
  const plan = page.getByRole('region', { name: 'lab-02' });
  await plan.getByText('all of this disk is overwritten').waitFor();
  await plan.getByText('serial-S5GX1021', { exact: true }).waitFor();
  const one = page.getByRole('button', { name: 'Run on 1 machine' });
  expect(await one.isDisabled()).toBe(true);
  // Of one that has never been looked at nothing is known: it is left out.
  await page.getByRole('checkbox', { name: 'lab-09' }).check();
  await page.getByText('1 machine is left out').waitFor();
  await page.getByRole('checkbox', { name: 'lab-09' }).uncheck();
  await page.getByText('1 machine is left out').waitFor({ state: 'detached' });
  await page.getByLabel('I have seen which disk is overwritten').check();
  await one.click();
  await page.getByText('1 job is asked for.').waitFor();
  const job = (await jobsOf(console, 'lab-02')).find(({ state }) => state === 'queued');
  expect(job?.scenarioName).toBe('Restore classroom');
  expect(job?.approvedCheckId).not.toBeNull();
  expect(await jobsOf(console, 'lab-09')).toEqual([expect.objectContaining({ state: 'cancelled' })]);

  await page.goto('/run');
  await page.getByLabel('Scenario').selectOption('Restore classroom');
  for (const name of ['lab-01', 'lab-03']) await page.getByRole('checkbox', { name }).check();
  const both = page.getByRole('button', { name: 'Run on 2 machines' });
  const name = page.getByLabel(/disks of 2 machines are overwritten/);
  await name.fill('lab-01');
  expect(await both.isDisabled()).toBe(true);
  await name.fill(' LAB-03 ');
  await both.click();
  await page.getByText('2 jobs are asked for.').waitFor();
  expect((await jobsOf(console, 'lab-03')).map(({ state }) => state).sort()).toEqual(['queued', 'running']);
  expect(console.complaints).toEqual([]);
});
