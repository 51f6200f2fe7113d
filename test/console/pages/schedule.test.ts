// The schedule: made with the form, seen in the calendar, run out of turn, turned off and removed.
import { expect, it } from 'vitest';
import type { Schedule } from '../../../protocol/schedule.ts';
import { makeFleet } from '../../fixtures/console/made-fleet.ts';
import { Console, findBarriers } from './support.ts';

it('a schedule is made, seen, run now, turned off and removed', async () => {
  await using console = await Console.start();
  await console.addUser('ann', 'operator');
  await (await makeFleet(console.server)).db.destroy();
  const page = await console.openAs('ann', '/schedule');
  await page.getByRole('button', { name: 'Add a schedule' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name', { exact: true }).fill('夜間');
  await dialog.getByLabel('Scenario').selectOption('Back up system disk');
  await dialog.getByLabel('All machines of a group').selectOption({ label: '第一工場 (4)' });
  await dialog.getByLabel('How often').selectOption('weekdays');
  await dialog.getByLabel('At', { exact: true }).fill('23:45');
  await dialog.getByLabel('Time zone').fill('Asia/Nowhere');
  await dialog.getByLabel('the last').fill('7');
  expect(await findBarriers(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Add a schedule' }).click();
  await dialog.getByRole('alert').getByText('is no time zone').waitFor();
  await dialog.getByLabel('Time zone').fill('Asia/Tokyo');
  await dialog.getByRole('button', { name: 'Add a schedule' }).click();
  await page.getByText('夜間 is scheduled.').waitFor();
  const all = await console.server.api<Schedule[]>('GET', '/v1/schedules');
  expect(all.find(({ name }) => name === '夜間')).toMatchObject({
    ...{ when: { kind: 'cron', cron: '45 23 * * 1-5', timeZone: 'Asia/Tokyo' }, keep: { last: 7 } },
    group: { name: '第一工場' },
  });
  await page.getByRole('button', { name: 'Month after' }).click();
  await page.locator('.due', { hasText: '夜間' }).first().waitFor();
  expect(await page.locator('.due', { hasText: '夜間' }).count()).toBeGreaterThanOrEqual(20);
  const actions = page.getByRole('group', { name: 'Actions for 夜間' });
  await actions.getByRole('button', { name: 'Run now' }).click();
  await page.locator('.toast').nth(1).waitFor();
  await actions.getByRole('button', { name: 'Runs' }).click();
  await dialog.getByText('started', { exact: true }).waitFor();
  await dialog.getByRole('button', { name: 'Close' }).click();
  const japanese = await console.openAs('ann', '/schedule', { locale: 'ja-JP' });
  await japanese.getByRole('group', { name: '夜間 の操作' }).getByRole('button', { name: '実行履歴' }).click();
  await japanese.getByRole('dialog').getByText('ann の指示で実行しました。').waitFor();
  await japanese.goto('/images/classroom-2026');
  await japanese.getByText('パーティション 3: 不良クラスター 12 個は読み取っていません。').waitFor();
  await actions.getByRole('button', { name: 'Disable' }).click();
  await page.locator('.due', { hasText: '夜間' }).first().waitFor({ state: 'detached' });
  await actions.getByRole('button', { name: 'Remove' }).click();
  await dialog.getByRole('button', { name: 'Remove' }).click();
  await page.getByText('夜間 is removed.').waitFor();
  expect(console.complaints).toEqual([]);
});

it('a schedule is edited: its window is added, seen in the calendar and beside the next times before it is saved, and removed', async () => {
  await using console = await Console.start();
  const { server } = console;
  await console.addUser('ann', 'operator');
  await (await makeFleet(server)).db.destroy();
  const schedule = () => server.api<Schedule>('GET', '/v1/schedules/Nightly%20servers');
  await server.api('PATCH', '/v1/schedules/Nightly%20servers', { keep: { weekly: 4 } });
  const before = await schedule();
  const page = await console.openAs('ann', '/schedule', { timezoneId: 'Asia/Tokyo' });
  const actions = page.getByRole('group', { name: 'Actions for Nightly servers' });
  const dialog = page.getByRole('dialog');
  await actions.getByRole('button', { name: 'Edit' }).click();
  await dialog.getByRole('heading', { name: 'Edit Nightly servers' }).waitFor();
  expect(await dialog.getByLabel('Machines by name').inputValue()).toBe('web-01, db-01');
  expect(await dialog.getByLabel('one a week').inputValue()).toBe('4');
  await dialog.locator('ol li', { hasText: '01:30:00' }).nth(4).waitFor();
  await dialog.getByRole('button', { name: 'Add a window' }).click();
  const window = dialog.getByRole('group', { name: 'Window 1' });
  await window.getByLabel('From').fill('02:00');
  await window.getByLabel('To').fill('04:00');
  await window.getByLabel('Sunday').uncheck();
  await dialog
    .locator('ol li', { hasText: /01:30:00 \S+, jobs begin .*02:00:00/ })
    .nth(4)
    .waitFor();
  expect(await findBarriers(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Nightly servers is changed.').waitFor();
  const windows = [{ days: [1, 2, 3, 4, 5, 6], from: '02:00', to: '04:00', timeZone: 'Asia/Tokyo' }];
  expect(await schedule()).toEqual({ ...before, windows, savedBy: 'ann' });
  await page.getByRole('button', { name: 'Month after' }).click();
  await page.locator('.open', { hasText: '02:00–04:00' }).nth(20).waitFor();
  await page.getByRole('cell', { name: /begins only Mon, Tue, Wed, Thu, Fri, Sat 02:00–04:00/ }).waitFor();
  expect(await findBarriers(page)).toEqual([]);
  await actions.getByRole('button', { name: 'Edit' }).click();
  await dialog.getByRole('button', { name: 'Remove window 1' }).click();
  await dialog.getByText('Jobs may begin at any hour.').waitFor();
  await dialog.getByLabel('Name', { exact: true }).fill('Night');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Night is changed.').waitFor();
  expect(await server.api('GET', '/v1/schedules/Night')).toEqual({ ...before, name: 'Night', savedBy: 'ann' });
  await page.locator('.open', { hasText: '02:00–04:00' }).first().waitFor({ state: 'detached' });
  expect(console.complaints).toEqual([]);
});
