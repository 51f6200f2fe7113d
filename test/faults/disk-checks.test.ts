// A disk is pulled out of a machine between two checks, and a person sees it: agent, server and command line, each a process of its own.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DiskCheck, DiskCheckSummary } from '../../protocol/disk-check.ts';
import type { Machine } from '../../protocol/rest.ts';
import { Site } from '../fixtures/agent/site.ts';

const main = new URL('../../cli/main.ts', import.meta.url).pathname;
let site: Site;
let boot: { token: string; bootId: string };

beforeAll(async () => {
  site = await Site.open();
  boot = { token: await site.bootToken(), bootId: randomUUID() };
});
afterAll(() => site.close());

async function machineDisks(...args: string[]): Promise<string> {
  const command = [main, 'machine', 'disks', 'raum 番', ...args, '--data', site.path('server')];
  return (await promisify(execFile)(process.execPath, command)).stdout;
}

async function makeFile(name: string, sizeBytes: number): Promise<string> {
  await writeFile(site.path(name), '');
  await truncate(site.path(name), sizeBytes);
  return site.path(name);
}

it('shows which disk is gone, in words, as JSON and as CSV', async () => {
  const files = [await makeFile('first', 2 ** 20), await makeFile('second', 2 ** 21)];
  site.startAgent(boot, files);
  await site.agentSays('waiting for an administrator');
  const [machine] = await site.api<Machine[]>('GET', '/v1/machines');
  await site.api('PATCH', `/v1/machines/${machine?.id}`, { state: 'approved', name: 'raum 番' });
  await site.jobEnds(await site.requestJob([{ kind: 'check' }]));
  const before = await machineDisks();
  expect(before).toMatch(/^raum 番: 2 disks, checked by job /);
  expect(before).toContain('no difference from the registration of ');
  expect(before).toMatch(/^2 +\S+second +2.0 MiB +other +FILE +serial-FILE-2 /m);

  await site.killAgent();
  site.startAgent(boot, files.slice(0, 1));
  const id = await site.requestJob([{ kind: 'check' }]);
  const { results } = await site.jobEnds(id);
  const sentence = 'disk 2 (FILE, serial F2, 2.0 MiB, id serial-FILE-2) is gone';
  expect(results[0]?.warnings).toContain(sentence);
  const after = await machineDisks();
  expect(after).toMatch(/^raum 番: 1 disk, checked by job .*\ndifferences from the check of .*:\n!! disk 2 \(FILE/);
  expect(after).toContain(`!! ${sentence}\n`);
  const check = JSON.parse(await machineDisks('--json')) as DiskCheck;
  expect(check).toMatchObject({ jobId: id, diskCount: 1, differences: [{ kind: 'gone', diskId: 'serial-FILE-2' }] });
  expect(check.disks[0]?.map).toMatchObject({ table: 'none', usedBytes: 2 ** 20 });
  expect(await machineDisks('--csv')).toContain(`\r\ngone,2,serial-FILE-2,`);

  // The registration of the second boot has seen it too; it does not hide it from the check.
  const history = JSON.parse(await machineDisks('--history', '--json')) as DiskCheckSummary[];
  expect(history.map(({ kind, diskCount }) => [kind, diskCount])).toEqual([
    ['check', 1],
    ['registration', 1],
    ['check', 2],
    ['registration', 2],
  ]);
  expect(await machineDisks('--check', history[2]?.id ?? '')).toMatch(/^raum 番: 2 disks/);
  await expect(machineDisks('--check', 'none')).rejects.toMatchObject({ code: 3 });
  await expect(machineDisks('--json', '--csv')).rejects.toMatchObject({ code: 2 });
});

it('lets a job that was approved touch nothing when a disk is plugged in before it begins', async () => {
  const files = [site.path('first'), await makeFile('target', 2 ** 20), await makeFile('late', 2 ** 20)];
  const restartWith = async (count: number) => {
    await site.killAgent();
    site.startAgent(boot, files.slice(0, count));
  };
  await restartWith(2);
  await writeFile(files[0] as string, 'what is captured', { flag: 'r+' });
  await site.jobEnds(
    await site.requestJob([
      { kind: 'capture', image: 'golden', source: { by: 'number', number: 1 } },
      { kind: 'check' },
    ]),
  );
  const restore = [{ kind: 'restore', image: 'golden', target: { by: 'number', number: 2 } }];
  const { id: checkId } = JSON.parse(await machineDisks('--json')) as DiskCheck;

  await site.killAgent();
  const approved = await site.requestJob(restore, 'wait', { approve: checkId });
  site.startAgent(boot, files);
  const job = await site.jobEnds(approved);
  expect(job).toMatchObject({ state: 'failed', approvedCheckId: checkId, error: { code: 'target-changed' } });
  expect(job.error?.message).toMatch(/disk 3 .*late.* is new/);
  expect((await readFile(files[1] as string)).equals(Buffer.alloc(2 ** 20))).toBe(true);

  // The registration with three disks is newer than the check: nobody may approve that by mistake.
  await expect(site.requestJob(restore, 'wait', { approve: 'latest' })).rejects.toThrow('registered with other disks');
  await site.jobEnds(await site.requestJob([{ kind: 'check' }]));
  const again = await site.jobEnds(await site.requestJob(restore, 'wait', { approve: 'latest' }));
  expect(again.error).toBe(null);
  expect((await readFile(files[1] as string)).toString('latin1', 0, 16)).toBe('what is captured');
});
