// A second person's word by the command line, against a server in this process.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { Job } from '../../protocol/rest.ts';
import { makeChecked } from '../fixtures/checked-disks.ts';
import { ScriptedAgent } from '../server/scripted-agent.ts';
import { TestServer, uuidA } from '../server/support.ts';

const run = promisify(execFile);
const main = path.join(import.meta.dirname, '../../cli/main.ts');

describe('the command line', () => {
  it('lists the jobs that wait for a second person, and agrees to one or ends it', async () => {
    await using server = await TestServer.start({ approve: 'all', secondPerson: true });
    const [name, password] = ['bob', 'correct horse battery'];
    await server.api('POST', '/v1/users', { name, password, role: 'operator' });
    const { token } = await server.api<{ token: string }>('POST', '/v1/sessions', { name, password });
    const agent = await ScriptedAgent.join({
      port: server.running.port,
      token: await server.bootToken(uuidA),
      uuid: uuidA,
    });
    await agent.next('welcome');
    const [machine] = await server.machines();
    await server.addImage('web');
    const target = { by: 'number', number: 1 };
    await server.api('POST', '/v1/scenarios', { name: 'look', steps: [{ kind: 'check' }], end: 'wait' });
    await server.api('POST', '/v1/scenarios', { name: 'put', steps: [{ kind: 'restore', image: 'web', target }] });
    await server.api('POST', '/v1/jobs', { scenario: 'look', machine: machine?.id });
    const { jobId, leaseId } = await agent.next('job');
    const check = { kind: 'check' as const, figures: {}, secondsByPhase: {}, warnings: [], disks: [makeChecked(1)] };
    agent.send({ type: 'done', jobId, leaseId, results: [check] });
    await agent.next('doneReceived');
    const jobs = [];
    for (let i = 0; i < 2; i++) {
      jobs.push(await server.api<Job>('POST', '/v1/jobs', { scenario: 'put', machine: machine?.id }));
    }
    const [one, two] = jobs as [Job, Job];

    const { url, caFingerprint } = server.running;
    const { PATH, NODE_COMPILE_CACHE } = process.env;
    const at = { DEPLOY_OS_SERVER: url, DEPLOY_OS_CA: caFingerprint };
    const env = { PATH, NODE_COMPILE_CACHE, HOME: server.dataDir, ...at };
    const deployOs = async (as: string, ...args: string[]) =>
      (await run(process.execPath, [main, ...args], { env: { ...env, DEPLOY_OS_TOKEN: as } })).stdout;
    expect((await deployOs(token, 'job', 'list', '--waiting')).match(/queued \(second-person\)/g)).toHaveLength(2);
    await expect(deployOs(server.running.operatorToken, 'job', 'approve', one.id)).rejects.toMatchObject({ code: 10 });
    const shown = await deployOs(token, 'job', 'approve', one.id, '--dry-run');
    expect(shown).toMatch(/1\. restore 'web' onto disk 1 .*\n {5}now on it: GPT; 1: ext4 'root'/);
    expect(shown).toContain('overwritten: all of the disk');
    expect(await deployOs(token, 'job', 'approve', one.id)).toBe(
      `${shown}approved: ${one.id} (put on ${machine?.name})\n`,
    );
    expect((await agent.next('job')).jobId).toBe(one.id);
    await expect(deployOs(token, 'job', 'reject', two.id)).rejects.toMatchObject({ code: 2 });
    expect(await deployOs(token, 'job', 'reject', two.id, '--reason', 'not today')).toContain(`rejected: ${two.id}`);
    expect(await deployOs(token, 'job', 'show', two.id)).toContain('job-rejected: bob rejected it: not today');
    expect(JSON.parse(await deployOs(token, 'job', 'list', '--waiting', '--json'))).toEqual([]);
  });
});
