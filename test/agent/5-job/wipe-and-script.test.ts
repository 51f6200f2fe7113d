// The steps `wipe` and `script` as a job runs them: on files for disks, and with a real shell.
import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { type Job, type JobOutcome, runJob } from '../../../agent/5-job/run-job.ts';
import type { Disk } from '../../../imaging/blockdev/disk.ts';
import { openMemoryStore } from '../../../imaging/store/memory-store.ts';
import { stepResultSchema } from '../../../protocol/agent-messages.ts';
import { stepSchema } from '../../../protocol/scenario.ts';
import { offlineContext } from '../../fixtures/agent/offline-context.ts';
import { makeDisk } from '../../fixtures/make-disk.ts';
import { withTempDirectory } from '../../fixtures/temp-directory.ts';

const scripts = { machineName: 'web 01', parameters: { 'how-deep': 'a b;c' } };

type Surroundings = { disks?: () => Disk[]; signal?: AbortSignal; job?: Partial<Job> };

async function run(
  step: object,
  { disks = () => [], signal, job }: Surroundings = {},
): Promise<JobOutcome & { log: string[] }> {
  const log: string[] = [];
  const outcome = await runJob(
    {
      ...{ type: 'job', jobId: 'j1', leaseId: 'l', scenarioName: 'x', end: 'wait' },
      ...{ steps: [stepSchema.parse(step)], scripts, ...job },
    },
    {
      ...{ context: offlineContext(async () => disks()), store: openMemoryStore() },
      signal: signal ?? new AbortController().signal,
      listener: { onPhase: () => {}, log: (_, message) => log.push(message) },
    },
  );
  return { ...outcome, log };
}

const script = (text: string, more: object = {}) => ({ kind: 'script', script: text, ...more });

test('a wipe overwrites the disk that its selector picks, and says what the read-back showed', async () => {
  await withTempDirectory(async (folder) => {
    const files = [1, 2].map((number) => path.join(folder, `disk-${number}`));
    const content = randomBytes(3 * 2 ** 20);
    for (const file of files) await writeFile(file, content);
    const disks = () => files.map((devicePath, i) => makeDisk(i + 1, { devicePath, sizeBytes: content.length }));
    const wipe = { kind: 'wipe', target: { by: 'serial', serial: 'S2' }, method: 'overwrite' };
    const { error, results, log } = await run(wipe, { disks });
    expect(error).toBeNull();
    expect((await readFile(files[0] ?? '')).equals(content)).toBe(true);
    expect((await readFile(files[1] ?? '')).equals(Buffer.alloc(content.length))).toBe(true);
    const [result] = results.map((one) => stepResultSchema.parse(one));
    expect(result).toMatchObject({
      kind: 'wipe',
      disk: { id: 'serial-QEMU-S2' },
      figures: { bytesVerified: content.length },
    });
    expect(result?.summary).toBe(
      `overwritten with zeros; all ${content.length} bytes read back as the zeros that were written`,
    );
    expect(result?.notes).toEqual([
      { code: 'overwritten', values: { pattern: 'zeros' } },
      { code: 'read-as-written', values: { bytes: String(content.length), pattern: 'zeros' } },
    ]);
    expect(log.at(-1)).toContain(result?.summary);

    // Between the choice and the first write another disk has come to stand there.
    await writeFile(files[1] ?? '', content);
    let looks = 0;
    const swapped = () => (looks++ === 0 ? disks() : disks().map((disk) => ({ ...disk, id: `other-${disk.number}` })));
    expect((await run(wipe, { disks: swapped })).error).toMatchObject({ code: 'target-changed' });
    expect((await readFile(files[1] ?? '')).equals(content)).toBe(true);
    const none = await run({ ...wipe, target: { by: 'only' } }, { disks });
    expect([none.error?.code, none.diskHalfWritten]).toEqual(['selector-ambiguous', false]);
  });
});

test('a script gets machine, job and parameters, and nothing of the agent; what it says is in the log', async () => {
  process.env.DEPLOY_TEST_SECRET = 'secret';
  const text =
    'echo "$DEPLOY_MACHINE|$DEPLOY_JOB|$DEPLOY_PARAMETER_HOW_DEEP"; env | grep -c SECRET; echo {machine} >&2; printf last';
  const { error, results, log } = await run(script(text));
  delete process.env.DEPLOY_TEST_SECRET;
  expect(error).toBeNull();
  const digest = createHash('sha256').update(text).digest('hex');
  expect(log[0]).toContain(digest);
  expect(log.slice(1).sort()).toEqual(['script: 0', 'script: last', 'script: web 01|j1|a b;c', 'script: {machine}']);
  expect(stepResultSchema.parse(results[0])).toMatchObject({
    ...{ kind: 'script', figures: { status: 0, linesLogged: 4 } },
    notes: [{ code: 'script-ended', values: { digest } }],
  });
});

test('a script that fails ends the job with its status, and one that says too much is cut short', async () => {
  const failed = await run(script('exit 7'));
  expect(failed.error).toMatchObject({ code: 'script-failed', message: expect.stringContaining('7') });
  expect(failed.diskHalfWritten).toBe(false);
  const loud = await run(script(`head -c 5000 /dev/zero | tr '\\0' x; echo; yes | head -3000`));
  expect(loud.error).toBeNull();
  const said = loud.log.filter((line) => line.startsWith('script: '));
  expect(said.length).toBe(1000);
  expect(Math.max(...said.map((line) => line.length))).toBeLessThan(1100);
  expect(loud.log.at(-1)).toContain('2001 more lines');
});

test('a script that takes too long, or is cancelled, is stopped with all that it has started', async () => {
  await withTempDirectory(async (folder) => {
    const alive = path.join(folder, 'alive');
    const text = `(sleep 2; echo left > ${alive}) & echo begun; wait; sleep 60`;
    const late = await run(script(text, { timeoutSeconds: 1 }));
    expect(late.error).toMatchObject({ code: 'script-failed', message: expect.stringContaining('longer than 1 s') });
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 300);
    expect((await run(script(text), { signal: stop.signal })).error).toMatchObject({ code: 'cancelled' });
    // A child that outlives its script would keep its pipes open for ever.
    expect((await run(script(`sleep 600 & echo done`))).error).toBeNull();
    await new Promise((resolve) => setTimeout(resolve, 2200));
    await expect(readFile(alive)).rejects.toThrow('ENOENT');
  });
});

test('no script runs unless the server says so with the job', async () => {
  await withTempDirectory(async (folder) => {
    const made = path.join(folder, 'made');
    const { scripts: _, ...without } = { scripts };
    const job = { jobId: 'j', leaseId: 'l', scenarioName: 'x', end: 'wait', type: 'job', ...without } as const;
    const { error } = await runJob(
      { ...job, steps: [stepSchema.parse(script(`touch ${made}`))] },
      {
        ...{ context: offlineContext(async () => []), store: openMemoryStore(), signal: new AbortController().signal },
        listener: { onPhase: () => {}, log: () => {} },
      },
    );
    expect(error).toMatchObject({ code: 'scripts-off' });
    await expect(readFile(made)).rejects.toThrow('ENOENT');
  });
});
