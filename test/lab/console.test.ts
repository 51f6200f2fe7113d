// The console as its first user meets it: set-up, a machine that has just booted, a scenario, a job, and its report; a real browser, server, machine and agent.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildConsole } from '../../scripts/build-console.ts';
import { runCommand } from '../../scripts/lab/run-command.ts';
import { buildBootFiles, Site } from '../../scripts/lab/site.ts';

const disk = { bus: 'sata', serial: 'LAB-CONSOLE', content: { blankBytes: 64 * 1024 * 1024 } } as const;
const jobWithinMs = 180_000;

let site: Site;
let browser: Browser;
let failed = true;

beforeAll(async () => {
  await buildConsole();
  const folder = await Site.makeFolder();
  await buildBootFiles(folder, 'to the log');
  site = await Site.open(folder);
  browser = await chromium.launch({
    executablePath: await makeBrowserCommand(),
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
});

afterAll(async () => {
  await browser?.close();
  await site?.close(failed ? 'logs' : 'nothing');
});

/**
 * The browser is a host of the lab's network: by its address another lab's server may be found from here.
 * It has a namespace of its own: in the server's, a machine that is turned on brings an interface, and Chromium breaks off whatever it loads (ERR_NETWORK_CHANGED).
 */
async function makeBrowserCommand(): Promise<string> {
  const file = path.join(site.folder, 'browser');
  const [command, args] = site.network.wrapCommand('/usr/bin/chromium', [], await site.network.addHost('10.77.0.20'));
  writeFileSync(file, `#!/bin/sh\nexec ${[command, ...args].join(' ')} "$@"\n`, { mode: 0o755 });
  return file;
}

test('a first administrator approves a machine, backs up its disk and reads the report', async () => {
  const spec = await site.furnish('console', {
    ...{ uuid: '5d0b1a4e-0009-4000-8000-000000000001', memoryMiB: 1024, cpus: 1, disks: [disk], bootFrom: 'network' },
    nics: [{ mac: '52:54:00:77:09:01', model: 'virtio-net-pci' }],
  });
  await runCommand('mkfs.ext4', ['-q', '-F', '-L', 'shop-floor', spec.disks[0]?.file ?? '']);
  await using machine = await site.powerOn(spec);

  const page = await browser.newPage({ ignoreHTTPSErrors: true, baseURL: site.server.url, locale: 'en-GB' });
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto('/');
  await page.getByLabel('Operator token').fill(readFileSync(path.join(site.folder, 'data/operator-token'), 'utf8'));
  await page.getByLabel('Name').fill('ann');
  await page.getByLabel('Password', { exact: true }).fill('correct horse battery');
  await page.getByLabel('Password again').fill('correct horse battery');
  await page.getByRole('button', { name: 'Make the administrator' }).click();
  await page.getByRole('heading', { name: 'Machines' }).waitFor();

  // It appears by itself, and is approved where it stands.
  const name = '52-54-00-77-09-01';
  await site.waitForAgent(machine);
  await page.getByRole('button', { name: `Approve ${name}` }).click();
  await page.getByText('1 machine is approved.').waitFor();
  await page.getByRole('link', { name }).click();
  await page.getByRole('article', { name: 'Disk 1' }).getByText('shop-floor').first().waitFor();

  await page.getByRole('link', { name: 'Scenarios' }).click();
  await page.getByRole('link', { name: 'New scenario' }).click();
  await page.getByLabel('Name', { exact: true }).first().fill('Back up');
  await page.getByLabel('At the end').selectOption('poweroff');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('link', { name: 'Run…' }).click();
  await page.getByRole('checkbox', { name }).check();
  await page
    .getByRole('region', { name })
    .getByText(/capture .* serial LAB-CONSOLE/)
    .waitFor();
  await page.getByRole('button', { name: 'Run on 1 machine' }).click();

  await page.getByText('Succeeded').first().waitFor({ timeout: jobWithinMs });
  const report = page.getByRole('article', { name: 'Step 1: Capture' });
  await report
    .getByText(/serial LAB-CONSOLE/)
    .first()
    .waitFor();
  await page.getByRole('link', { name: 'Images' }).click();
  await page.getByRole('link', { name: new RegExp(`^${name}-\\d{4}-\\d\\d-\\d\\d`) }).click();
  await page.getByRole('cell', { name: 'shop-floor' }).waitFor();
  expect(complaints).toEqual([]);
  await machine.waitForPowerOff(60_000);
  failed = false;
});
