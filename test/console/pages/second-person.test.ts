// A job that another person must agree to, in the browser: not by who asked, by somebody else, or not at all.
import { expect, it } from 'vitest';
import type { DiskCheck } from '../../../protocol/disk-check.ts';
import type { Job } from '../../../protocol/rest.ts';
import { makeChecked } from '../../fixtures/checked-disks.ts';
import { ScriptedAgent } from '../../server/scripted-agent.ts';
import { uuidA } from '../../server/support.ts';
import { Console, findBarriers, overflowOf } from './support.ts';

/** A machine whose disks were looked at, a scenario that overwrites one, two operators, a viewer, and what ann asks for in her browser. */
async function begin() {
  const console = await Console.start({ approve: 'all', secondPerson: true });
  const { server } = console;
  await console.addUser('ann', 'operator');
  await console.addUser('bob', 'operator');
  await console.addUser('carl', 'viewer');
  const { port } = server.running;
  const agent = await ScriptedAgent.join({ port, uuid: uuidA, token: await server.bootToken(uuidA) });
  await agent.next('welcome');
  const [machine] = await server.machines();
  await server.api('PATCH', `/v1/machines/${machine?.id}`, { name: 'web-01' });
  await server.addImage('web');
  const target = { by: 'number', number: 1 };
  await server.api('POST', '/v1/scenarios', { name: 'look', steps: [{ kind: 'check' }], end: 'wait' });
  await server.api('POST', '/v1/scenarios', {
    ...{ name: 'put', steps: [{ kind: 'restore', image: 'web', target }], end: 'wait' },
  });
  await server.api('POST', '/v1/jobs', { scenario: 'look', machine: 'web-01' });
  const { jobId, leaseId } = await agent.next('job');
  const disks = [makeChecked(1), makeChecked(2)];
  const looked = { kind: 'check' as const, figures: {}, secondsByPhase: {}, warnings: [], disks };
  agent.send({ type: 'done', jobId, leaseId, results: [looked] });
  await agent.next('doneReceived');
  const check = await server.api<DiskCheck>('GET', '/v1/machines/web-01/disks');
  const ann = await console.openAs('ann', '/jobs');
  const ask = async (): Promise<Job> => {
    const answer = await ann.request.post('/v1/jobs', {
      ...{ headers: { origin: server.running.url }, data: { scenario: 'put', machine: 'web-01' } },
    });
    expect(answer.status()).toBe(201);
    return answer.json();
  };
  return { console, server, agent, ann, ask, check };
}

it('a job that overwrites a disk waits for another person, who sees which disk and agrees', async () => {
  const { console, server, agent, ann, ask, check } = await begin();
  await using _ = console;
  const { id } = await ask();
  await ann.goto(`/jobs/${id}`);
  await ann.locator('.state').getByText('Awaits approval').first().waitFor();
  await ann.getByText('You asked for this job; somebody else has to agree to it.').waitFor();
  await ann.locator('article').waitFor();
  expect(await ann.getByRole('button', { name: /Agree|Reject/ }).count()).toBe(0);
  const carl = await console.openAs('carl', `/jobs/${id}`);
  await carl.getByText('ann asked for this job.').waitFor();
  await carl.locator('article').waitFor();
  expect(await carl.getByRole('button', { name: /Agree|Reject/ }).count()).toBe(0);
  // What the page does not offer the server does not take either.
  const refused = await ann.request.post(`/v1/jobs/${id}/approve`, {
    ...{ headers: { origin: server.running.url }, data: { check: check.id } },
  });
  expect([refused.status(), (await refused.json()).error.code]).toEqual([403, 'forbidden']);

  const bob = await console.openAs('bob', `/jobs/${id}`, { viewport: { width: 360, height: 740 } });
  await bob.getByText('ann asked for this job. Below is what it does on web-01').waitFor();
  // The one disk of the two that is overwritten, and what is on it now.
  const plan = bob.getByRole('region', { name: 'web-01' });
  const [picked] = check.disks;
  await plan.getByText('all of this disk is overwritten').waitFor();
  expect(await plan.locator('article').count()).toBe(1);
  for (const fact of [picked?.model, picked?.serial, 'ext4', 'root']) {
    expect(await plan.locator('article').textContent()).toContain(fact);
  }
  expect(await findBarriers(bob)).toEqual([]);
  expect(await overflowOf(bob)).toBe(0);
  await bob.getByRole('button', { name: 'Agree to the job' }).click();
  const { jobId, approval } = await agent.next('job');
  expect(jobId).toBe(id);
  expect(approval).toBeDefined();
  await ann.locator('.state').getByText('Running').first().waitFor();
  await ann.getByText('Approved by').waitFor();
  expect(await server.job(id)).toMatchObject({
    ...{ approvedCheckId: check.id, agreement: { decision: 'approved', decidedBy: 'bob' } },
  });
  expect(console.complaints).toEqual([]);
});

it('a job is rejected with a reason, which whoever asked reads; nothing reaches the machine', async () => {
  const { console, server, agent, ann, ask } = await begin();
  await using _ = console;
  const { id } = await ask();
  await ann.goto(`/jobs/${id}`);
  await ann.getByText('You asked for this job').waitFor();
  const bob = await console.openAs('bob', `/jobs/${id}`);
  await bob.getByRole('button', { name: 'Reject the job' }).click();
  expect((await server.job(id)).agreement?.decision).toBe(null);
  await bob.getByLabel('Reason for a rejection').fill('それはメールサーバーです');
  await bob.getByRole('button', { name: 'Reject the job' }).click();
  await ann.locator('.state').getByText('Cancelled').first().waitFor();
  await ann.getByText('bob: それはメールサーバーです').waitFor();
  await ann.getByRole('alert').getByText('job-rejected').waitFor();
  expect(await server.job(id)).toMatchObject({ state: 'cancelled', error: { code: 'job-rejected' } });
  expect(agent.received.filter(({ type }) => type === 'job').length).toBe(1);
  expect(console.complaints).toEqual([]);
});
