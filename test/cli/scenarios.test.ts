// Scenarios by the command line: from a file, with parameters, changed, and planned before they run.
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { describePlan } from '../../cli/job-plan.ts';
import { writeReport } from '../../cli/job-report.ts';
import type { Plan } from '../../protocol/plan.ts';
import { type Job, jobReportSchema, type Scenario } from '../../protocol/rest.ts';
import { makeChecked } from '../fixtures/checked-disks.ts';
import { TestServer, uuidA } from '../server/support.ts';

const run = promisify(execFile);
const main = new URL('../../cli/main.ts', import.meta.url).pathname;

it('makes a scenario of several steps from a file, changes it, plans it and runs it with values', async () => {
  await using server = await TestServer.start();
  await server.bootToken(uuidA);
  const json = async <T>(...args: string[]): Promise<T> => {
    const { stdout } = await run(process.execPath, [main, ...args, '--json', '--data', server.dataDir]);
    return JSON.parse(stdout) as T;
  };
  const file = path.join(server.dataDir, 'scenario.json');
  const capture = { kind: 'capture', image: '{kind}-{machine}', source: { by: 'only' } };
  await writeFile(file, JSON.stringify({ steps: [{ kind: 'check' }, capture], end: 'wait' }));
  const made = await json<Scenario>('scenario', 'create', 's', '--file', file, '--parameter', 'kind');
  expect(made).toMatchObject({ steps: [{ kind: 'check' }, capture], end: 'wait', parameters: [{ name: 'kind' }] });
  // What `show` prints is what `edit` takes.
  await writeFile(file, JSON.stringify({ ...made, end: 'poweroff' }));
  const changed = await json<Scenario>(
    'scenario',
    'edit',
    's',
    '--file',
    file,
    '--rename',
    't',
    '--parameter',
    'kind=a=b',
  );
  expect(changed).toMatchObject({ name: 't', end: 'poweroff', parameters: [{ name: 'kind', default: 'a=b' }] });
  const [machine = ''] = (await server.machines()).map(({ name }) => name);
  const planned = await json<Plan>('job', 'plan', 't', '--machine', machine);
  expect(planned.machines[0]?.steps.map(({ summary }) => summary)).toEqual([
    'check all disks',
    `capture a disk that is not known as 'a=b-${machine}'`,
  ]);
  const job = await json<Job>('job', 'run', '--scenario', 't', '--machine', machine, '--set', 'kind=weekly');
  expect(job.parameters).toEqual({ kind: 'weekly' });
});

it('tells a plan in words, and lets nothing that stands on a disk steer the terminal', () => {
  const disk = makeChecked(1);
  if (disk.map?.partitions[0] !== undefined) disk.map.partitions[0].label = 'a\u001b[2J\u2028b';
  const step = {
    ...{ step: { kind: 'check' as const }, summary: "restore 'golden' onto disk 1", disk, overwrites: 'disk' as const },
    ...{ image: null, usedBytes: null, warnings: [], findings: [] },
    refusals: [{ code: 'target-too-small', message: 'it has 5 bytes' }],
  };
  const machine = { machineId: 'm', machineName: 'web-01', check: null, overwrites: true, refused: true };
  const words = describePlan({
    scenario: 's',
    machines: [{ ...machine, refusals: [], warnings: [], steps: [step] }],
  });
  expect(words).toContain(
    "  1. restore 'golden' onto disk 1\n     now on it: GPT; 1: ext4 'a?[2J?b' 1.0 MiB of 1.0 GiB\n",
  );
  expect(words).toContain('     overwritten: all of the disk\n     refused: it has 5 bytes (target-too-small)\n');
  expect(words).toContain("'s' would be refused on 1 of 1 machine(s). Nothing was done.");
});

it('a report of a wipe says what was done to the disk and what the read-back showed, and speaks of no image', () => {
  const time = '2026-11-28T15:00:00.000Z';
  const report = jobReportSchema.parse({
    ...{ id: 'j', scenarioId: 's', scenarioName: 'retire', machineId: 'm', machineName: 'web-01', state: 'succeeded' },
    ...{ cancelRequested: false, createdAt: time, startedAt: time, endedAt: time, progress: null, error: null },
    ...{
      approvedCheckId: null,
      approvedDisks: null,
      handOuts: 1,
      log: [],
      end: 'poweroff',
      held: null,
      notBefore: null,
    },
    ...{ requestedBy: null, batchId: null, retryOf: null, retries: 0, waitsFor: null, wait: null },
    steps: [{ kind: 'wipe', target: { by: 'only' } }],
    results: [
      {
        ...{ kind: 'wipe', figures: { bytesVerified: 5 }, secondsByPhase: { write: 1 }, warnings: [] },
        ...{ summary: 'overwritten with zeros; all 5 bytes read back as the zeros that were written' },
      },
    ],
  });
  const words = writeReport(report).join('\n');
  expect(words).toContain('Step 1: wipe ');
  expect(words).toContain('  done:       overwritten with zeros; all 5 bytes read back');
  expect(words).not.toContain('image');
});
