// Settings: limits by administrators; groups, approval rules, media and boot profiles by operators.
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { makeFleet } from '../../fixtures/console/made-fleet.ts';
import { readWords, writeMadeIso } from '../../fixtures/made-iso.ts';
import { Console, findBarriers } from './support.ts';

it('limits are set, groups and approval rules made and removed, each by those who may', async () => {
  await using console = await Console.start();
  await console.addUser('ann', 'administrator');
  await console.addUser('bob', 'operator');
  await (await makeFleet(console.server)).db.destroy();
  const page = await console.openAs('bob', '/settings');
  await page.getByLabel('On one server').waitFor();
  expect(await page.getByLabel('On one server').isDisabled()).toBe(true);
  await page.getByRole('button', { name: 'Add a group' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name', { exact: true }).fill('Servers');
  await dialog.getByLabel('Address in').fill('not a network');
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await dialog.getByRole('alert').getByText('is not ADDRESS/PREFIX').waitFor();
  await dialog.getByLabel('Address in').fill('');
  await dialog.getByLabel('Machines by name').fill('web-01, db-01');
  expect(await findBarriers(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByRole('row', { name: 'Servers 2 Remove' }).waitFor();
  await page.getByRole('button', { name: 'Add an approval rule' }).click();
  await dialog.getByLabel('Name', { exact: true }).fill('racks');
  await dialog.getByLabel('MAC address begins with').fill('52:54:00');
  await dialog.getByLabel('Group that').selectOption('Servers');
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByRole('row', { name: /racks MAC address begins with 52:54:00 Servers/ }).waitFor();
  await page.getByRole('button', { name: 'Remove New classroom PCs' }).click();
  await dialog.getByText('stay approved').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Remove New classroom PCs' }).click();
  await dialog.getByRole('button', { name: 'Remove' }).click();
  await page.getByText('New classroom PCs is removed.').waitFor();
  expect(await console.server.api('GET', '/v1/approval-rules')).toMatchObject([{ name: 'racks', group: 'Servers' }]);

  const ann = await console.openAs('ann', '/settings');
  await ann.getByLabel('In one network').fill('4');
  await ann.getByRole('button', { name: 'Save', exact: true }).click();
  await ann.getByText('Saved.').waitFor();
  await ann.getByLabel('Every … days').fill('30');
  await ann.getByRole('button', { name: 'Save how often' }).click();
  await ann.getByText('Saved.').nth(1).waitFor();
  expect(await console.server.api('GET', '/v1/settings')).toMatchObject({
    jobLimits: { network: 4, server: null },
    imageVerification: { everyDays: 30 },
  });
  expect(console.complaints).toEqual([]);
}, 180_000);

it('media are made and enrolments revoked, boot profiles made, changed and set for a machine', async () => {
  await using console = await Console.start();
  const { dataDir, running } = console.server;
  await console.addUser('bob', 'operator');
  await console.addUser('eve', 'viewer');
  const fleet = await makeFleet(console.server);
  await fleet.db.destroy();
  await writeMadeIso(path.join(dataDir, 'boot'), 'deploy.server=https://192.0.2.1:7433');
  const page = await console.openAs('bob', '/settings');
  await page.getByRole('button', { name: 'Make an enrolment' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Label').fill('rack 4');
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  const secret = (await dialog.getByText(/^den_/).textContent()) ?? '';
  expect(await findBarriers(page)).toEqual([]);
  const downloading = page.waitForEvent('download');
  await dialog.getByRole('button', { name: 'Download the medium' }).click();
  const stream = await (await downloading).createReadStream();
  const words = readWords(await buffer(stream));
  expect(words).toContain(`deploy.server=${running.url} `);
  expect(words).toContain(`deploy.secret=${secret}`);
  await dialog.getByText('The medium is downloaded.').or(page.getByText('The medium is downloaded.')).first().waitFor();
  await dialog.getByRole('button', { name: 'Close' }).click();
  expect(await page.getByText(secret).count()).toBe(0);
  await page.getByRole('button', { name: 'Revoke rack 4' }).click();
  await dialog.getByRole('button', { name: 'Remove' }).click();
  await page.getByText('rack 4 is removed.').waitFor();
  expect(await console.server.api('GET', '/v1/enrolments')).toMatchObject([{ label: 'Sticks of the second factory' }]);

  await page.getByRole('button', { name: 'Add a boot profile' }).click();
  await dialog.getByLabel('Name', { exact: true }).fill('quiet');
  await dialog.getByLabel('Overlay').fill('none.cpio');
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await dialog.getByRole('alert').getByText('none.cpio').waitFor();
  await dialog.getByLabel('Overlay').fill('');
  await dialog.getByLabel('Kernel arguments').fill('quiet');
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByRole('button', { name: 'Change quiet' }).click();
  await dialog.getByLabel('Kernel arguments').fill('quiet loglevel=3');
  await dialog.getByLabel('Model').fill('Express*');
  expect(await findBarriers(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByRole('row', { name: /quiet Model Express\* 100 quiet loglevel=3/ }).waitFor();
  await page.goto(`/machines/${fleet.machines.get('web-01')}`);
  await page.getByLabel('Boot profile').selectOption('quiet');
  await page.getByText('Set. It counts from the next boot on.').waitFor();
  const profiles = await console.server.api<{ id: string; name: string }[]>('GET', '/v1/boot-profiles');
  const { id } = profiles.find(({ name }) => name === 'quiet') ?? {};
  expect(await console.server.api('GET', '/v1/machines/web-01')).toMatchObject({ bootProfileId: id });

  const eve = await console.openAs('eve', '/settings');
  await eve.getByRole('cell', { name: /loglevel=3/ }).waitFor();
  expect(await eve.getByRole('button', { name: /enrolment|Change|boot profile/ }).count()).toBe(0);
  expect(console.complaints).toEqual([]);
}, 180_000);
