// A job's page beside a real server and an agent that does as it is told: live progress, log, report, pause, cancel; and the wall.

import { buffer } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import type { Job, JobReport } from '../../../protocol/rest.ts';
import { ScriptedAgent } from '../../server/scripted-agent.ts';
import { eventually } from '../../server/support.ts';
import { Console, findBarriers } from './support.ts';

const uuid = '8a6e0804-2bd0-4672-b79d-d97027f9071a';
const total = 8 * 1024 ** 3;

/** An approved machine that is connected, a scenario, and somebody who may run it. */
async function prepare(console: Console): Promise<ScriptedAgent> {
  await console.addUser('ann', 'operator');
  const { port } = console.server.running;
  const agent = await ScriptedAgent.join({ port, uuid, token: await console.server.bootToken(uuid) });
  await agent.next('welcome');
  const [machine] = await console.server.machines();
  await console.server.api('PATCH', `/v1/machines/${machine?.id}`, { state: 'approved', name: 'web-01' });
  await console.server.api('POST', '/v1/scenarios', { name: 'look', steps: [{ kind: 'check' }], end: 'wait' });
  return agent;
}
const run = (console: Console) => console.server.api<Job>('POST', '/v1/jobs', { scenario: 'look', machine: 'web-01' });

it('a job is followed live from its start to its report', async () => {
  await using console = await Console.start();
  const agent = await prepare(console);
  const { id } = await run(console);
  const job = await agent.next('job');
  const page = await console.openAs('ann', `/jobs/${id}`);
  const wall = await console.openAs('ann', '/wall');
  const report = (gibibytes: number) =>
    agent.send({
      ...{ type: 'progress', jobId: id, leaseId: job.leaseId, step: 0, phase: 'map', bytesTotal: total },
      ...{ bytesDone: gibibytes * 1024 ** 3, bytesTransferred: 0, bytesPerSecond: 200 * 1024 ** 2 + gibibytes },
    });
  report(2);
  await page.getByText('25%').waitFor();
  await wall.getByText('25%').waitFor();
  await page.getByText('200 MiB/s').first().waitFor();
  await page.getByText(/^3[01]\ss$/).waitFor();
  agent.send({ type: 'log', jobId: id, level: 'warning', message: 'disk 2 says that it is failing' });
  await page.getByRole('log').getByText('disk 2 says that it is failing').waitFor();
  report(4);
  await page.getByText('50%').waitFor();
  await eventually(async () => {
    report(4 + Math.random());
    return (await page.locator('canvas').count()) === 1;
  });
  expect(await page.locator('[role=img]').getAttribute('aria-label')).toMatch(/now 200 MiB\/s, at most 200 MiB\/s/);
  const results = [
    {
      ...{ kind: 'check' as const, figures: { disks: 2, sizeBytes: total }, secondsByPhase: { map: 12.4 } },
      ...{ warnings: ['replace disk 2'], disks: [] },
    },
  ];
  agent.send({ type: 'done', jobId: id, leaseId: job.leaseId, results });
  await page.locator('.state').getByText('Succeeded').waitFor();
  await page.getByRole('heading', { name: 'Step 1: Check' }).waitFor();
  await page.getByText('replace disk 2').waitFor();
  await wall.locator('.state').getByText('Succeeded').waitFor();
  expect(console.complaints).toEqual([]);
});

it('a job that waits shows what it will do, and one that has ended its image and its report to be kept', async () => {
  await using console = await Console.start();
  const agent = await prepare(console);
  const [first, second] = [await run(console), await run(console)];
  const job = await agent.next('job');
  const page = await console.openAs('ann', `/jobs/${second.id}`);
  await page.getByRole('heading', { name: 'What it will do' }).waitFor();
  await page.getByText('not ended, and come first').waitFor();
  const image = { id: 'i', name: 'web-01 / system', rootDigest: 'ab'.repeat(32) };
  const result = { kind: 'capture' as const, figures: {}, secondsByPhase: {}, warnings: [], image };
  agent.send({ type: 'done', jobId: first.id, leaseId: job.leaseId, results: [result] });
  await page.goto(`/jobs/${first.id}`);
  await page.getByText(image.rootDigest).waitFor();
  const link = page.getByRole('link', { name: image.name });
  expect(await link.getAttribute('href')).toBe('/images/web-01%20%2F%20system');
  const downloading = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Save the report' }).click();
  const report = JSON.parse((await buffer(await (await downloading).createReadStream())).toString()) as JobReport;
  expect(report).toMatchObject({ id: first.id, results: [result] });
  expect(await findBarriers(page)).toEqual([]);
  expect(console.complaints).toEqual([]);
});

it('a job is paused, goes on, is cancelled after a question, and is run again', async () => {
  await using console = await Console.start();
  const agent = await prepare(console);
  const { id } = await run(console);
  const job = await agent.next('job');
  const page = await console.openAs('ann', `/jobs/${id}`);
  agent.progress(job, 10);
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.locator('.state').getByText('Paused').waitFor();
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.locator('.state').getByText('Running').waitFor();
  await page.getByRole('button', { name: 'Cancel the job' }).click();
  await page.getByRole('dialog').getByText('it does not boot until it is restored again').waitFor();
  await page.keyboard.press('Escape');
  expect(await agent.gets('cancel', 200)).toBe(false);
  await page.getByRole('button', { name: 'Cancel the job' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel the job' }).click();
  await agent.next('cancel');
  await page.locator('.state').getByText('Being cancelled').waitFor();
  agent.done(job, { code: 'cancelled', message: 'stopped' });
  await page.locator('.state').getByText('Cancelled').waitFor();
  await page.getByRole('button', { name: 'Run again' }).click();
  await page.getByText('Again after').waitFor();
  expect((await console.server.api<Job[]>('GET', '/v1/jobs')).map(({ state }) => state)).toContain('cancelled');
  expect(console.complaints).toEqual([]);
});

it('the main path goes by keyboard alone: log in, approve the machine, go to its job, cancel it', async () => {
  await using console = await Console.start();
  const agent = await prepare(console);
  await run(console);
  const job = await agent.next('job');
  agent.progress(job, 10);
  const page = await console.open('/machines');
  await page.locator('input[autocomplete=username]').waitFor();
  const focused = () => page.evaluate<string>('document.activeElement?.textContent?.trim() ?? ""');
  /** Tab until the focus is on what says `text`. */
  const tabTo = async (text: string) => {
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press('Tab');
      if ((await focused()) === text) return;
    }
    throw new Error(`the Tab key does not reach '${text}'`);
  };
  await page.keyboard.press('Tab');
  await page.keyboard.type('ann');
  await page.keyboard.press('Tab');
  await page.keyboard.type('correct horse battery');
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: 'web-01' }).waitFor();
  await page.keyboard.press('Tab');
  expect(await focused()).toBe('Skip to the content');
  await page.keyboard.press('Enter');
  await tabTo('web-01');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'web-01' }).waitFor();
  // The new page's heading has the focus, so that it is read out.
  await eventually(async () => (await focused()) === 'web-01');
  await page.getByRole('link', { name: 'look' }).waitFor();
  await tabTo('look');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'look' }).waitFor();
  await tabTo('Cancel the job');
  await page.keyboard.press('Space');
  await page.getByRole('dialog').waitFor();
  await tabTo('Cancel the job');
  await page.keyboard.press('Enter');
  await agent.next('cancel');
  expect(console.complaints).toEqual([]);
});

it('in Japanese, why a job waits and why it failed are said in Japanese, with the server’s own words beside it', async () => {
  await using console = await Console.start();
  const agent = await prepare(console);
  const first = await run(console);
  const job = await agent.next('job');
  const second = await run(console);
  const japanese = { locale: 'ja-JP' };
  const page = await console.openAs('ann', `/jobs/${second.id}`, japanese);
  await page.getByText(`web-01 の先行ジョブ ${first.id}`).waitFor();
  const failed = await console.openAs('ann', `/jobs/${first.id}`, japanese);
  agent.done(job, { code: 'target-write', message: 'writing /dev/sda: Input/output error' });
  const note = failed.getByRole('alert');
  await note.getByText('対象ディスクで書き込みエラーが発生しました。').waitFor();
  await note.locator('[lang=en]').getByText('writing /dev/sda: Input/output error').waitFor();
  await note.getByText('target-write', { exact: true }).waitFor();
  expect(console.complaints).toEqual([]);
});
