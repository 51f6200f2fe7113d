// Images: found, looked into, and deleted by whoever types the name; the store measured and checked.
import path from 'node:path';
import { expect, it } from 'vitest';
import { openDirectoryStore } from '../../../imaging/store/directory-store.ts';
import { newId } from '../../../server/new-id.ts';
import { makeFleet } from '../../fixtures/console/made-fleet.ts';
import { encrypted } from '../../fixtures/encrypted-stores.ts';
import { makeImage } from '../../fixtures/made-image.ts';
import { Console, findBarriers } from './support.ts';

it('images are found, measured, checked and deleted; a viewer only looks', async () => {
  await using console = await Console.start();
  await console.addUser('ann', 'operator');
  await console.addUser('eve', 'viewer');
  await (await makeFleet(console.server)).db.destroy();
  const eve = await console.openAs('eve', '/images');
  await eve.getByRole('link', { name: 'classroom-2026' }).click();
  await eve.getByText('/dev/nvme0n1 (Samsung SSD 980 PRO, 256 GiB)', { exact: true }).waitFor();
  expect(await eve.getByRole('button', { name: /Delete|Check/ }).count()).toBe(0);
  // Down to what was captured after it, and up again.
  const children = eve.getByRole('list', { name: 'Children' });
  await children.getByRole('link', { name: '教室 2026-11' }).click();
  await eve.getByRole('heading', { level: 1, name: '教室 2026-11' }).waitFor();
  await eve.getByRole('link', { name: 'classroom-2026' }).click();
  await children.waitFor();
  expect(await children.getByRole('listitem').count()).toBe(1);
  expect(await findBarriers(eve)).toEqual([]);

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
  expect(left.map(({ name }) => name)).toEqual(['classroom-2026', '教室 2026-11']);
  await console.server.api('DELETE', '/v1/images/classroom-2026');
  await page.goto(`/images/${encodeURIComponent('教室 2026-11')}`);
  await page.getByText('classroom-2026 (no longer there)').waitFor();
  expect(await page.getByRole('link', { name: 'classroom-2026' }).count()).toBe(0);
  expect(console.complaints).toEqual([]);
});

it('images say what was found of them, are verified while one watches, and damaged ones are restored by who insists only', async () => {
  await using console = await Console.start();
  await console.addUser('ann', 'operator');
  const { db, machines } = await makeFleet(console.server);
  const page = await console.openAs('ann', '/images');
  await page.getByRole('row', { name: /web-02 2026-11-20.*Damaged/ }).waitFor();
  await page.getByRole('row', { name: /classroom-2026.*Proved/ }).waitFor();
  await page.getByRole('link', { name: 'web-02 2026-11-20' }).click();
  await page.getByRole('alert').getByText('was found damaged').waitFor();
  await page.getByText(/1.0 MiB from byte 9,437,184,000 are lost, partition 2/).waitFor();
  expect(await findBarriers(page)).toEqual([]);
  // It has no chunks, so that nothing of it can be damaged.
  await page.getByRole('button', { name: 'Verify' }).click();
  await page.getByRole('alert').waitFor({ state: 'detached', timeout: 30_000 });
  await page.getByRole('row', { name: /Verify Passed ann/ }).waitFor();

  const entries = await console.server.api<{ id: string; name: string }[]>('GET', '/v1/images');
  const imageId = entries.find(({ name }) => name === 'classroom-2026')?.id ?? '';
  const now = new Date().toISOString();
  const row = { imageId, image: 'classroom-2026', kind: 'verify', boot: 0, cancelRequested: 0, found: null } as const;
  // As another server does it, which says nothing more for an hour.
  const other = { serverId: 'other', heardAt: new Date(Date.now() + 3_600_000).toISOString(), requestedBy: 'bob' };
  const progress = JSON.stringify({ phase: 'verify', bytesDone: 42, bytesTotal: 100 });
  await db
    .insertInto('imageChecks')
    .values({
      ...row,
      ...other,
      id: newId(),
      state: 'running',
      createdAt: now,
      startedAt: now,
      endedAt: null,
      progress,
      error: null,
    })
    .execute();
  await page.goto('/images/classroom-2026');
  await page.getByRole('progressbar', { name: 'Verify: classroom-2026' }).waitFor();
  await db
    .updateTable('imageChecks')
    .set({ progress: progress.replace('42', '77') })
    .where('state', '=', 'running')
    .execute();
  await page.getByText('77%').waitFor();
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.locator('.open').getByText('Being stopped').waitFor();
  const error = { code: 'chunk-not-found', message: 'gone' };
  const damaged = { state: 'failed', endedAt: now, error: JSON.stringify(error), progress: null } as const;
  await db.updateTable('imageChecks').set(damaged).where('state', '=', 'running').execute();
  await page.getByRole('alert').getByText('was found damaged').waitFor();
  await page.getByRole('row', { name: /Verify Failed gone chunk-not-found bob/ }).waitFor();

  const scenarios = await console.server.api<{ id: string; name: string }[]>('GET', '/v1/scenarios');
  const scenario = scenarios.find(({ name }) => name === 'Restore classroom')?.id ?? '';
  await page.goto(`/run?scenario=${scenario}&machines=${machines.get('lab-01')}`);
  await page.getByText(/the image 'classroom-2026' was found damaged/).waitFor();
  expect(await page.getByRole('button', { name: 'Run on 1 machine' }).count()).toBe(0);
  await page.getByRole('checkbox', { name: /although it was found damaged/ }).check();
  await page.getByRole('button', { name: 'Run on 1 machine' }).waitFor();
  await db.destroy();
  expect(console.complaints).toEqual([]);
}, 180_000);

it('an encrypted image is verified as far as the server can without its key, which the page says', async () => {
  await using console = await Console.start();
  await console.addUser('bob', 'operator');
  const store = await openDirectoryStore(path.join(console.server.dataDir, 'store'), { create: false });
  await (await encrypted(store)).putManifest('sealed', makeImage('sealed'));
  await store.close();
  const page = await console.openAs('bob', '/images/sealed');
  expect(await page.getByRole('button', { name: 'Prove' }).count()).toBe(0);
  await page.getByRole('button', { name: 'Verify' }).click();
  await page
    .getByText('The sealed chunks were checked; what is in them was not decrypted.')
    .waitFor({ timeout: 60_000 });
  await page.getByText('Verified as sealed', { exact: true }).waitFor();
  expect(await findBarriers(page)).toEqual([]);
  expect(console.complaints).toEqual([]);
}, 180_000);
