// Every page in its variants: no barrier that axe can find, nothing wider than the window, no complaint of the browser; and, if asked, a picture.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { RunOptions } from 'axe-core';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../../server/database/schema.ts';
import { makeFleet } from '../../fixtures/console/made-fleet.ts';
import { Console, findBarriers, overflowOf, password } from './support.ts';

/** `scripts/screenshots.ts` says where pictures go; without it none are made. */
const picturesFolder = process.env.DEPLOY_OS_SCREENSHOTS;

const phone = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 1, isMobile: true, hasTouch: true };
/** How it is looked at, and which rules of axe's: in the dark all but the colours is as on the desktop, in Japanese the colours are. */
const variants: Record<string, { context: BrowserContextOptions; rules?: RunOptions }> = {
  desktop: { context: { colorScheme: 'light' } },
  dark: { context: { colorScheme: 'dark' }, rules: { runOnly: ['color-contrast'] } },
  phone: { context: { colorScheme: 'light', ...phone } },
  japanese: {
    context: { colorScheme: 'light', locale: 'ja-JP' },
    rules: { rules: { 'color-contrast': { enabled: false } } },
  },
};

type Made = Record<'machine' | 'job' | 'scenario', (name: string) => string>;
/** Where it is, and what says that it stands. */
const pages: Record<string, { at(made: Made): string; ready(page: Page): Promise<unknown> }> = {
  machines: { at: () => '/machines', ready: (page) => page.getByRole('link', { name: 'lab-01' }).waitFor() },
  machine: {
    at: ({ machine }) => `/machines/${machine('web-01')}`,
    ready: (page) => page.locator('article').first().waitFor(),
  },
  'machine-station': {
    at: ({ machine }) => `/machines/${machine('検査ライン-1')}`,
    ready: (page) => page.locator('article').first().waitFor(),
  },
  job: {
    at: ({ job }) => `/jobs/${job('web-01')}`,
    ready: async (page) => {
      await page.locator('[role=log] p').nth(3).waitFor();
      await page.locator('canvas').waitFor();
      // A plot of two figures is no picture.
      if (picturesFolder !== undefined) await page.waitForTimeout(15_000);
    },
  },
  'job-failed': {
    at: ({ job }) => `/jobs/${job('press-07')}`,
    ready: (page) => page.locator('[role=log] p').nth(2).waitFor(),
  },
  'job-report': {
    at: ({ job }) => `/jobs/${job('web-02')}`,
    ready: async (page) => {
      await page.locator('article').waitFor();
      await page.locator('canvas').waitFor();
    },
  },
  wall: { at: () => '/wall', ready: (page) => page.getByRole('link', { name: 'lab-01' }).waitFor() },
  images: { at: () => '/images', ready: (page) => page.getByRole('link', { name: 'classroom-2026' }).waitFor() },
  image: {
    at: () => '/images/classroom-2026',
    ready: async (page) => {
      await page.locator('table').first().waitFor();
      await page.getByRole('link', { name: '教室 2026-11' }).waitFor();
    },
  },
  scenarios: {
    at: () => '/scenarios',
    ready: (page) => page.getByRole('link', { name: 'Check disks' }).first().waitFor(),
  },
  scenario: {
    at: ({ scenario }) => `/scenarios/${scenario('Restore classroom')}`,
    ready: (page) => page.locator('form ol').waitFor(),
  },
  run: {
    at: ({ machine, scenario }) =>
      `/run?scenario=${scenario('Restore classroom')}&machines=${['lab-01', 'lab-02'].map(machine)}`,
    ready: (page) => page.locator('.plan').first().waitFor(),
  },
  schedule: { at: () => '/schedule', ready: (page) => page.locator('.due').first().waitFor() },
  settings: { at: () => '/settings', ready: (page) => page.getByRole('cell', { name: /Z2/ }).first().waitFor() },
  people: { at: () => '/people', ready: (page) => page.getByRole('cell', { name: 'bob' }).first().waitFor() },
  audit: { at: () => '/audit', ready: (page) => page.getByRole('cell', { name: /carol/ }).first().waitFor() },
  jobs: { at: () => '/jobs', ready: (page) => page.getByRole('link', { name: 'Restore classroom' }).first().waitFor() },
};

let console: Console;
let made: Made;
let db: Database;
let moving: NodeJS.Timeout;

beforeAll(async () => {
  console = await Console.start();
  await console.addUser('ann', 'administrator');
  await console.addUser('bob', 'operator');
  const fleet = await makeFleet(console.server);
  const { machines } = fleet;
  await console.addUser('carol', 'none');
  for (const [group, role] of [
    ['Classroom 2', 'operator'],
    ['第一工場', 'viewer'],
  ])
    await console.server.api('POST', '/v1/grants', { user: 'carol', group, role });
  db = fleet.db;
  const jobs = await db.selectFrom('jobs').select(['id', 'machineId']).execute();
  const scenarios = await db.selectFrom('scenarios').select(['id', 'name']).execute();
  const machine = (name: string) => machines.get(name) ?? '';
  made = {
    machine,
    job: (name) => jobs.find(({ machineId }) => machineId === machine(name))?.id ?? '',
    scenario: (wanted) => scenarios.find(({ name }) => name === wanted)?.id ?? '',
  };
  moving = setInterval(() => void move(made.job('web-01')), 500);
});
afterAll(async () => {
  clearInterval(moving);
  await db.destroy();
  await console[Symbol.asyncDispose]();
});

/** One job goes on while it is looked at, so that there is something to plot. */
async function move(jobId: string): Promise<void> {
  const row = await db.selectFrom('jobs').select('progress').where('id', '=', jobId).executeTakeFirst();
  const progress = JSON.parse(row?.progress ?? '{}');
  const bytesPerSecond = (150 + 60 * Math.abs(Math.sin(Date.now() / 3000))) * 1024 ** 2;
  const next = { ...progress, bytesPerSecond, bytesDone: progress.bytesDone + bytesPerSecond / 2 };
  await db
    .updateTable('jobs')
    .set({ progress: JSON.stringify(next) })
    .where('id', '=', jobId)
    .execute();
}

describe.each(Object.keys(variants))('%s', (variant) => {
  let page: Page;
  beforeAll(async () => {
    page = await console.open('/', variants[variant]?.context);
    await page.locator('input[autocomplete=username]').waitFor();
    await check(page, 'log-in', variant);
    await page.locator('input[autocomplete=username]').fill('ann');
    await page.locator('input[type=password]').fill(password);
    await page.locator('button[type=submit]').click();
    await page.locator('main#content h1').waitFor();
  });

  it.each(Object.keys(pages))('%s', async (name) => {
    const { at, ready } = pages[name] ?? { at: () => '/', ready: async () => {} };
    await page.goto(at(made));
    await ready(page);
    await check(page, name, variant);
  });
});

async function check(page: Page, name: string, variant: string): Promise<void> {
  if (picturesFolder !== undefined) {
    await mkdir(picturesFolder, { recursive: true });
    await page.screenshot({ path: path.join(picturesFolder, `${name}-${variant}.png`) });
  }
  expect(await findBarriers(page, variants[variant]?.rules)).toEqual([]);
  expect(await overflowOf(page)).toBe(0);
  expect(console.complaints).toEqual([]);
}
