// The power of a machine in the browser: its driver set, changed and taken away by who may, its state asked for, and turned on and off (R23, R28).
// IPMI is OpenIPMI's simulator; the Redfish service is ours (decision 043).
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import type { Power } from '../../../protocol/power.ts';
import type { ServerOptions } from '../../../server/config.ts';
import { PlainChassis } from '../../fixtures/chassis.ts';
import { startIpmiService } from '../../fixtures/ipmi-service.ts';
import { RedfishService } from '../../fixtures/redfish-service.ts';
import { withTempDirectory } from '../../fixtures/temp-directory.ts';
import { uuidA } from '../../server/support.ts';
import { Console, findBarriers, overflowOf } from './support.ts';

const fromHere = { allowBmc: '127.0.0.0/8' };
const phone = { viewport: { width: 360, height: 740 } };

async function begin(options: Partial<ServerOptions> = fromHere) {
  const console = await Console.start(options);
  const { server } = console;
  await server.bootToken(uuidA);
  const [machine] = await server.machines();
  await server.api('PATCH', `/v1/machines/${machine?.id}`, { name: 'web-01' });
  for (const role of ['administrator', 'operator', 'viewer'] as const) await console.addUser(role, role);
  return {
    console,
    path: `/machines/${machine?.id}`,
    read: () => server.api<Power>('GET', '/v1/machines/web-01/power'),
  };
}

const panelOf = (page: Page) => page.getByRole('region', { name: 'Power' });
/** One of the page's messages, and no state of the panel. */
const toast = (page: Page, text: string) => page.getByRole('status').getByText(text, { exact: true }).first().waitFor();

it('a BMC is given by its address and fingerprint, tested, and turns the machine on and off after a question', () =>
  withTempDirectory(async (folder) => {
    await using bmc = await RedfishService.start(folder);
    const { console, path, read } = await begin();
    await using _ = console;
    const page = await console.openAs('administrator', path);
    const panel = panelOf(page);
    await panel.getByRole('button', { name: 'Set a power driver' }).click();
    const form = page.getByRole('dialog', { name: 'Power driver of web-01' });
    await form.getByLabel('Driver').selectOption('redfish');
    await form.getByLabel('Address', { exact: true }).fill(bmc.url);
    await form.getByLabel('User').fill(bmc.user);
    await form.getByLabel('Password', { exact: true }).fill(bmc.password);
    await form.getByLabel(/^Fingerprint/).fill(bmc.certificate.replace('sha256:', ''));
    expect(await findBarriers(page)).toEqual([]);
    await form.getByRole('button', { name: 'Save and ask for the state' }).click();
    await toast(page, 'it is off');
    await panel.locator('.state').getByText('Off', { exact: true }).waitFor();
    expect(await read()).toMatchObject({
      settings: { driver: 'redfish', certificate: bmc.certificate },
      hasPassword: true,
    });

    await panel.getByRole('button', { name: 'Turn on' }).click();
    await panel.locator('.state').getByText('On', { exact: true }).waitFor();
    expect(bmc.powerState).toBe('On');
    await panel.getByRole('button', { name: 'Turn off', exact: true }).click();
    const question = page.getByRole('dialog', { name: 'Turn web-01 off?' });
    await question.getByRole('button', { name: 'Cancel' }).click();
    expect(bmc.powerState).toBe('On');
    await panel.getByRole('button', { name: 'Turn off', exact: true }).click();
    await question.getByRole('button', { name: 'Turn off' }).click();
    await panel.locator('.state').getByText('Off', { exact: true }).waitFor();
    expect(bmc.powerState).toBe('Off');

    // The password is not in the form again, and stays while nothing else changes; for another address it is asked for.
    await panel.getByRole('button', { name: 'Change the driver' }).click();
    expect(await form.getByLabel('Password', { exact: true }).inputValue()).toBe('');
    await form.getByText('More settings').click();
    await form.getByLabel('Send the password with each request').check();
    await form.getByRole('button', { name: 'Save and ask for the state' }).click();
    await form.waitFor({ state: 'detached' });
    await toast(page, 'it is off');
    await panel.getByRole('button', { name: 'Change the driver' }).click();
    await form.getByLabel('Address', { exact: true }).fill('https://elsewhere.example');
    await form.getByRole('button', { name: 'Save', exact: true }).click();
    await form
      .getByRole('alert')
      .getByText(/needs the password of admin/)
      .waitFor();
    await form.getByRole('button', { name: 'Cancel' }).click();
    expect((await read()).settings).toMatchObject({ url: bmc.url, auth: 'basic' });
    expect(await page.content()).not.toContain(bmc.password);
    expect(console.complaints).toEqual([]);
  }));

it('on a phone in Japanese an older BMC is set, says that a password is wrong, and is taken away', () =>
  withTempDirectory(async (folder) => {
    await using bmc = await startIpmiService(folder, { port: 20_629, behind: new PlainChassis() });
    const { console, path, read } = await begin();
    await using _ = console;
    const page = await console.openAs('administrator', path, { ...phone, locale: 'ja-JP' });
    const panel = page.getByRole('region', { name: '電源' });
    await panel.getByRole('button', { name: '電源ドライバーを設定' }).click();
    const form = page.getByRole('dialog');
    await form.getByLabel('ドライバー').selectOption('ipmi');
    await form.getByLabel('ホスト名またはアドレス').fill('127.0.0.1');
    await form.getByLabel('ポート').fill(`${bmc.port}`);
    await form.getByLabel('ユーザー').fill(bmc.user);
    await form.getByLabel('パスワード').fill('wrong');
    await form.getByLabel('暗号スイート').selectOption('3');
    expect(await findBarriers(page)).toEqual([]);
    expect(await overflowOf(page)).toBe(0);
    await form.getByRole('button', { name: '保存して状態を確認' }).click();
    // ipmitool asks several times before it gives up.
    await panel.getByRole('alert').getByText('power-failed').waitFor({ timeout: 60_000 });
    await panel.getByRole('button', { name: 'ドライバーを変更' }).click();
    await form.getByLabel('パスワード').fill(bmc.password);
    await form.getByRole('button', { name: '保存して状態を確認' }).click();
    await panel.locator('.state').getByText('オフ').waitFor({ timeout: 30_000 });
    await page.getByRole('status').getByText('電源はオフです。').waitFor();
    expect(await findBarriers(page)).toEqual([]);
    expect(await overflowOf(page)).toBe(0);
    await panel.getByRole('button', { name: 'ドライバーを変更' }).click();
    await form.getByLabel('ドライバー').selectOption('none');
    await form.getByRole('button', { name: '保存', exact: true }).click();
    await panel.getByText('電源ドライバーが未設定').waitFor();
    expect(await read()).toMatchObject({ settings: { driver: 'none' }, hasPassword: false });
    // The browser says of the test that failed that it did.
    expect(console.complaints).toEqual([expect.stringContaining('status of 502')]);
  }));

it('Wake-on-LAN and a hook are given in the form; what the server does not take is said in it', () =>
  withTempDirectory(async (folder) => {
    const hook = join(folder, 'relay');
    await writeFile(
      hook,
      `#!/bin/sh\ncd ${folder}\ncase $1 in on) echo on > state ;; status) cat state || echo off ;; esac\n`,
    );
    await chmod(hook, 0o700);
    const { console, path, read } = await begin({ hooks: folder });
    await using _ = console;
    const page = await console.openAs('administrator', path);
    const panel = panelOf(page);
    const form = page.getByRole('dialog', { name: 'Power driver of web-01' });
    await panel.getByRole('button', { name: 'Set a power driver' }).click();
    await form.getByLabel('Driver').selectOption('wake-on-lan');
    await form.getByLabel('MAC addresses to wake').fill('52:54:00:12:34');
    expect(await findBarriers(page)).toEqual([]);
    await form.getByRole('button', { name: 'Save', exact: true }).click();
    await form.getByRole('alert').getByText('invalid-input').waitFor();
    await form.getByLabel('MAC addresses to wake').fill('52:54:00:12:34:56 52-54-00-12-34-57');
    await form.getByLabel('Broadcast addresses').fill('127.255.255.255');
    await form.getByLabel('SecureOn password').fill('01:02:03:04:05:06');
    await form.getByLabel('Port').fill('40009');
    await form.getByRole('button', { name: 'Save', exact: true }).click();
    await toast(page, 'The power driver is set.');
    const waking = { driver: 'wake-on-lan', broadcast: ['127.255.255.255'], port: 40_009 };
    expect(await read()).toMatchObject({ settings: waking, hasPassword: true });
    await panel.getByRole('button', { name: 'Change the driver' }).click();
    expect(await form.getByLabel('MAC addresses to wake').inputValue()).toMatch(/34.56 .*34.57$/);
    expect(await form.getByLabel('SecureOn password').inputValue()).toBe('');

    await form.getByLabel('Driver').selectOption('hook');
    await form.getByLabel('File name of the hook').fill('gone');
    expect(await findBarriers(page)).toEqual([]);
    await form.getByRole('button', { name: 'Save and ask for the state' }).click();
    await form
      .getByRole('alert')
      .getByText(/the hook gone .* is not there/)
      .waitFor();
    await form.getByLabel('File name of the hook').fill('relay');
    await form.getByRole('button', { name: 'Save and ask for the state' }).click();
    await toast(page, 'it is off');
    expect(await read()).toMatchObject({ settings: { driver: 'hook', program: 'relay' }, hasPassword: false });
    await panel.getByRole('button', { name: 'Turn on' }).click();
    await panel.locator('.state').getByText('On', { exact: true }).waitFor();
    expect(await readFile(join(folder, 'state'), 'utf8')).toBe('on\n');
    expect(console.complaints).toEqual([]);
  }));

it('whoever may not set a driver, or not act, is not offered it', async () => {
  const { console, path } = await begin();
  await using _ = console;
  await console.server.api('PUT', '/v1/machines/web-01/power', { driver: 'wake-on-lan' });
  const operator = await console.openAs('operator', path);
  await panelOf(operator).getByRole('button', { name: 'Turn on' }).waitFor();
  // A magic packet only turns on, and nobody sees what came of it.
  expect(await panelOf(operator).getByRole('button').allTextContents()).toEqual(['Turn on']);
  const viewer = await console.openAs('viewer', path);
  await viewer.getByRole('heading', { name: 'Disk history' }).waitFor();
  expect(await panelOf(viewer).count()).toBe(0);
  expect(console.complaints).toEqual([]);
});
