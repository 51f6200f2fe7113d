// The agent with a real server, both processes of their own: jobs end to end, and what may break off in the middle of them.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, truncate, writeFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Boot, Site } from '../fixtures/agent/site.ts';
import { soundInTransit } from '../fixtures/faulty-wire.ts';

const mebibyte = 2 ** 20;
const diskBytes = 256 * mebibyte;

let site: Site;
let source: string;
let target: string;

// One site for all: the tests follow one another as a machine's days do.
beforeAll(async () => {
  site = await Site.open();
  source = site.path('source');
  target = site.path('target');
  await writeFile(target, '');
  await truncate(target, diskBytes);
});
afterAll(() => site.close());

/** Fills the source with bytes that no reader knows, nothing compresses and no store has seen: all of them are used and sent. */
async function fillSource(sizeBytes = diskBytes): Promise<void> {
  const block = randomBytes(mebibyte);
  const file = await open(source, 'w');
  for (let done = 0; done < sizeBytes; done += mebibyte) {
    block.writeUInt32LE(done / mebibyte, 0);
    await file.write(block);
  }
  await file.close();
}

async function digestOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: mebibyte }), hash);
  return hash.digest('hex');
}

/** Asks for a job and boots the machine, as the network boot of a machine with a job does. */
async function bootForJob(steps: readonly object[], end: string): Promise<{ id: string; boot: Boot }> {
  const id = await site.requestJob(steps, end);
  const boot = { token: await site.bootToken(), bootId: randomUUID() };
  site.startAgent(boot, [source, target]);
  return { id, boot };
}

const capture = (image: string) => ({ kind: 'capture', source: { by: 'number', number: 1 }, image });
const restore = (image: string) => ({ kind: 'restore', image, target: { by: 'serial', serial: 'F2' } });

it('registers, waits for approval, checks, captures and restores, and reboots when the job says so', async () => {
  await fillSource(24 * mebibyte);
  site.startAgent({ token: await site.bootToken(), bootId: randomUUID() }, [source, target]);
  await site.agentSays('waiting for an administrator');
  const id = await site.requestJob([{ kind: 'check' }, capture('first'), restore('first')], 'reboot');
  const { machineId } = await site.readJob(id);
  await site.api('PATCH', `/v1/machines/${machineId}`, { state: 'approved' });
  const job = await site.jobEnds(id);
  expect(job).toMatchObject({ state: 'succeeded', error: null });
  expect(job.results.map(({ kind }) => kind)).toEqual(['check', 'capture', 'restore']);
  expect(job.results[0]?.figures).toMatchObject({ disks: 2, unreadable: 0 });
  expect(job.results[2]?.figures).toMatchObject({ usedBytes: 24 * mebibyte, bytesVerified: 24 * mebibyte });
  expect(job.results[2]?.disk?.label).toContain('serial F2');
  expect(await site.jobLog(id)).toContain('capturing disk 1');
  await site.agentSays('end: reboot');
});

it('goes on when the server is killed in the middle of a capture and in the middle of a restore', async () => {
  await fillSource();
  const { id: captureId } = await bootForJob([capture('golden')], 'wait');
  await killServerInTheMiddleOf(captureId, 'capture');
  await killServerInTheMiddleOf(await site.requestJob([restore('golden')]), 'write');
  expect(await digestOfFile(target)).toBe(await digestOfFile(source));
}, 90_000);

async function killServerInTheMiddleOf(id: string, phase: string): Promise<void> {
  await site.isInTheMiddleOf(phase);
  await site.killServer();
  await sleep(300);
  await site.startServer();
  expect(await site.jobEnds(id)).toMatchObject({ state: 'succeeded', error: null });
  expect(await site.jobLog(id)).toContain('the agent is back and goes on');
}

it('goes on with a restore after its machine was reset in the middle of it and has booted again', async () => {
  await site.killAgent();
  await truncate(target, 0);
  await truncate(target, diskBytes);
  const wire = await soundInTransit(site.facts.port);
  const newBoot = async () => ({ token: await site.bootToken(), bootId: randomUUID() });
  const id = await site.requestJob([restore('golden')]);
  site.startAgent(await newBoot(), [source, target], wire.port);
  await site.isInTheMiddleOf('write');
  await site.killAgent();
  const before = wire.received();
  site.startAgent(await newBoot(), [source, target], wire.port);
  const job = await site.jobEnds(id);
  await wire.close();
  expect(job).toMatchObject({ state: 'succeeded', error: null });
  expect(await digestOfFile(target)).toBe(await digestOfFile(source));
  const log = await site.jobLog(id);
  expect(log).toContain('handed to');
  expect(log).toContain('again (2)');
  // A thread has six slots in flight; TLS and HTTP take less than a hundredth.
  const inFlightBytes = 6 * Number(/with (\d+) threads/.exec(log)?.[1]) * mebibyte;
  expect(before).toBeGreaterThan(diskBytes / 20);
  expect(wire.received()).toBeLessThan((diskBytes + inFlightBytes) * 1.01);
  const { bytesFetched = 0, bytesReused = 0 } = job.results[0]?.figures ?? {};
  expect(bytesReused).toBeGreaterThanOrEqual(before / 1.01 - inFlightBytes);
  expect(bytesFetched).toBeLessThan((diskBytes - bytesReused) * 1.01);
}, 60_000);

it('is handed its job again when it dies in the middle and is started again in the same boot', async () => {
  await site.killAgent();
  await fillSource();
  const { id, boot } = await bootForJob([capture('again')], 'wait');
  await site.isInTheMiddleOf('capture');
  await site.killAgent();
  site.startAgent(boot, [source, target]);
  const job = await site.jobEnds(id);
  expect(job).toMatchObject({ state: 'succeeded', error: null });
  // What had arrived before is not sent again.
  expect(job.results[0]?.figures.bytesSent).toBeLessThan(diskBytes);
}, 60_000);

it('stands still when the job is paused, and goes on where it stood, once it is told to', async () => {
  await fillSource();
  const id = await site.requestJob([capture('in two halves')]);
  await site.isInTheMiddleOf('capture');
  expect(await site.api('POST', `/v1/jobs/${id}/pause`)).toMatchObject({ state: 'running', held: 'paused' });
  await site.agentSays('paused between two chunks');
  await sleep(1500); // what was under way ends, and the server writes down the last of it
  const standing = await site.readJob(id);
  await sleep(1500);
  const { bytesDone = 0 } = (await site.readJob(id)).progress ?? {};
  expect(bytesDone).toBe(standing.progress?.bytesDone);
  expect(bytesDone).toBeLessThan(diskBytes);
  await site.api('POST', `/v1/jobs/${id}/resume`);
  const job = await site.jobEnds(id);
  expect(job).toMatchObject({ state: 'succeeded', held: null });
  expect(job.results[0]?.figures).toMatchObject({ usedBytes: diskBytes });
}, 60_000);

it('stops when the job is cancelled, says so, and takes the next one', async () => {
  await fillSource();
  const id = await site.requestJob([capture('never')]);
  await site.isInTheMiddleOf('capture');
  await site.api('POST', `/v1/jobs/${id}/cancel`);
  expect(await site.jobEnds(id)).toMatchObject({ state: 'cancelled', error: { code: 'cancelled' } });
  const next = await site.jobEnds(await site.requestJob([{ kind: 'check' }]));
  expect(next.state).toBe('succeeded');
  await expect(site.api('GET', '/v1/images/never/manifest')).rejects.toMatchObject({ code: 'image-not-found' });
}, 60_000);

it('refuses a step that names no disk or several, before anything is written', async () => {
  const before = await digestOfFile(target);
  const noDisk = { kind: 'restore', image: 'golden', target: { by: 'serial', serial: 'nobody' } };
  const none = await site.jobEnds(await site.requestJob([noDisk]));
  expect(none).toMatchObject({ state: 'failed', error: { code: 'selector-none' } });
  expect(none.error?.message).toContain('serial F1');
  const anyDisk = { kind: 'restore', image: 'golden', target: { by: 'only' } };
  const several = await site.jobEnds(await site.requestJob([anyDisk]));
  expect(several).toMatchObject({ state: 'failed', error: { code: 'selector-ambiguous' } });
  expect(await digestOfFile(target)).toBe(before);
});

it('stays after a failure that left a disk half written, instead of the reboot that the job says', async () => {
  // It holds the image already: a delta restore would be over before anyone can cancel it.
  await truncate(target, 0);
  await truncate(target, diskBytes);
  const id = await site.requestJob([restore('golden')], 'reboot');
  await site.isInTheMiddleOf('write');
  await site.api('POST', `/v1/jobs/${id}/cancel`);
  const job = await site.jobEnds(id);
  expect(job.error?.message).toContain('does not boot');
  await site.agentSays('failed: cancelled');
  await sleep(500);
  expect(site.agentOutput.text).not.toContain('end: reboot');
}, 60_000);

it('ends as the job says after a failure that wrote nothing', async () => {
  await site.killAgent();
  await truncate(target, mebibyte);
  const { id } = await bootForJob([restore('golden')], 'poweroff');
  const job = await site.jobEnds(id);
  expect(job).toMatchObject({ state: 'failed', error: { code: 'target-too-small' } });
  await site.agentSays('end: poweroff');
});

it('is refused with a token that is unknown or of another boot, says why, and keeps asking', async () => {
  const { boot } = await bootForJob([{ kind: 'check' }], 'wait');
  await site.agentSays("'scenario");
  await site.killAgent();
  site.startAgent({ ...boot, bootId: randomUUID() }, []);
  await site.agentSays('used by another boot');
  await site.killAgent();
  site.startAgent({ token: 'dbt_wrong', bootId: randomUUID() }, []);
  await site.agentSays('the token is not known');
});
