// Images: found, looked into, and deleted by whoever types the name; the store measured and checked.
import { expect, it } from 'vitest';
import { makeFleet } from '../../fixtures/console/made-fleet.ts';
import { Console, findBarriers } from './support.ts';

it('images are found, measured, checked and deleted; a viewer only looks', async () => {
  await using console = await Console.start();
  await console.addUser('ann', 'operator');
  await console.addUser('eve', 'viewer');
  await (await makeFleet(console.server)).db.destroy();
  const eve = await console.openAs('eve', '/images');
  await eve.getByRole('link', { name: 'classroom-2026' }).click();
  await eve.getByText('Samsung SSD 980 PRO').waitFor();
  expect(await eve.getByRole('button', { name: /Delete|Check/ }).count()).toBe(0);

  const page = await console.openAs('ann', '/images');
  await page.getByRole('searchbox').fill('2026 web');
  await page.getByRole('link', { name: 'web-02 2026-11-20' }).waitFor();
  expect(await page.getByRole('link', { name: 'classroom-2026' }).count()).toBe(0);
  await page.getByRole('button', { name: 'Measure the space' }).click();
  await page.getByText('Shared by several images').waitFor();
  await page.getByRole('button', { name: 'Check the store' }).click();
  await page.getByText('All 0 chunks are as they were captured.').waitFor();
  expect(await findBarriers(page)).toEqual([]);
  await page.getByRole('link', { name: 'web-02 2026-11-20' }).click();
  await page.getByRole('button', { name: 'Delete' }).click();
  const dialog = page.getByRole('dialog');
  const remove = dialog.getByRole('button', { name: 'Delete' });
  await dialog.getByLabel('Type its name').fill('web-02');
  expect(await remove.isDisabled()).toBe(true);
  await dialog.getByLabel('Type its name').fill('web-02 2026-11-20');
  await remove.click();
  await page.getByText('web-02 2026-11-20 is deleted.').waitFor();
  const left = await console.server.api<{ name: string }[]>('GET', '/v1/images');
  expect(left.map(({ name }) => name)).toEqual(['classroom-2026']);
  expect(console.complaints).toEqual([]);
});
