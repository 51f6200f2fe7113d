import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { Job, Machine } from '../../protocol/rest.ts';
import { ScriptedAgent } from '../server/scripted-agent.ts';
import { eventually, TestServer, uuidA, uuidB } from '../server/support.ts';

const run = promisify(execFile);
const main = new URL('../../cli/main.ts', import.meta.url).pathname;

type Outcome = { status: number; stdout: string; stderr: string };

async function deployOs(args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  const { DEPLOY_OS_DATA: _, DEPLOY_OS_SERVER: __, ...rest } = process.env;
  try {
    const { stdout, stderr } = await run(process.execPath, [main, ...args], { env: { ...rest, ...env } });
    return { status: 0, stdout, stderr };
  } catch (thrown) {
    const { code, stdout, stderr } = thrown as { code: number; stdout: string; stderr: string };
    return { status: code, stdout, stderr };
  }
}

describe('the command line', () => {
  it('approves a machine, makes a scenario, runs it and shows how it went', async () => {
    await using server = await TestServer.start();
    const data = ['--data', server.dataDir];
    const json = async <T>(...args: string[]): Promise<T> => {
      const outcome = await deployOs([...args, '--json', ...data]);
      if (outcome.status !== 0) throw new Error(outcome.stderr);
      return JSON.parse(outcome.stdout) as T;
    };
    const token = await server.bootToken(uuidA);
    const agent = await ScriptedAgent.join({ port: server.running.port, token, uuid: uuidA });
    await agent.next('welcome');

    const [machine] = await json<Machine[]>('machine', 'list');
    expect(machine).toMatchObject({ name: '52-54-00-00-00-01', state: 'pending', online: true });
    await json('machine', 'rename', '52-54-00-00-00-01', 'Büro 1');
    expect(await json('machine', 'approve', 'Büro 1')).toMatchObject({ state: 'approved' });
    expect((await deployOs(['machine', 'show', 'Büro 1', ...data])).stdout).toContain('Test CPU');

    const scenario = await json(
      'scenario',
      'create',
      'back up',
      '--capture',
      'web',
      '--disk',
      'serial:Q1',
      '--end',
      'wait',
    );
    expect(scenario).toMatchObject({
      steps: [{ kind: 'capture', image: 'web', source: { by: 'serial', serial: 'Q1' } }],
    });
    const asked = (
      await deployOs(['job', 'run', '--scenario', 'back up', '--machine', 'Büro 1', ...data])
    ).stdout.trim();
    const handed = await agent.next('job');
    expect(handed.jobId).toBe(asked);

    const watching = deployOs(['job', 'watch', asked, ...data]);
    agent.progress(handed, 50);
    await eventually(async () => (await server.job(asked)).progress !== null);
    agent.done(handed);
    const watched = await watching;
    expect([watched.status, watched.stdout]).toEqual([0, expect.stringContaining('succeeded')]);
    expect(await json<Job & { log: unknown[] }>('job', 'show', asked)).toMatchObject({
      state: 'succeeded',
      log: expect.arrayContaining([expect.objectContaining({ message: 'job succeeded' })]),
    });
    expect(await json<Job[]>('job', 'list', '--machine', 'Büro 1', '--state', 'failed')).toEqual([]);
  });

  it('ends a watch with the exit status of the job, across a restart of the server', async () => {
    await using server = await TestServer.start({ approve: 'all' });
    const data = ['--data', server.dataDir];
    const facts = { port: server.running.port, token: await server.bootToken(uuidA), uuid: uuidA, bootId: 'boot-id-1' };
    const agent = await ScriptedAgent.join(facts);
    await agent.next('welcome');
    await server.addImage('web');
    await deployOs(['scenario', 'create', 'write', '--restore', 'web', '--disk', 'only', ...data]);
    const watching = deployOs([
      'job',
      'run',
      '--watch',
      '--scenario',
      'write',
      '--machine',
      '52-54-00-00-00-01',
      ...data,
    ]);
    const handed = await agent.next('job', 15_000);
    await server.restart();
    const again = await ScriptedAgent.join(facts, handed);
    await again.next('welcome');
    again.done(handed, { code: 'target-too-small', message: 'disk vda is too small' });
    const { status, stderr } = await watching;
    expect([status, stderr]).toEqual([5, expect.stringContaining('disk vda is too small')]);
  });

  it('runs a scenario on many machines, follows the batch, asks again, reports and exports', async () => {
    await using server = await TestServer.start({ approve: 'all' });
    const data = ['--data', server.dataDir];
    const ask = async (...args: string[]) => {
      const { status, stdout, stderr } = await deployOs([...args, ...data]);
      return status === 0 ? stdout : `${status}: ${stderr}`;
    };
    const agents: ScriptedAgent[] = [];
    for (const [i, uuid] of [uuidA, uuidB].entries()) {
      const token = await server.bootToken(uuid, `52:54:00:00:00:0${i + 1}`);
      agents.push(await ScriptedAgent.join({ port: server.running.port, token, uuid }));
    }
    await server.api('POST', '/v1/scenarios', { name: 'look', steps: [{ kind: 'check' }], end: 'wait' });
    const limits = await ask('settings', 'limits', '--per-network', '7', '--per-store', 'none');
    expect(limits).toContain('per network: 7 (/24)\n  per store:   no limit');
    expect(await ask('settings', 'limits', '--per-store', 'many')).toMatch(/^2: /);

    const names = ['52-54-00-00-00-01', '52-54-00-00-00-02'];
    const asked = await ask('job', 'run', 'look', ...names, '--key', 'k', '--retries', '1');
    expect(asked).toMatch(/^\w{16}: look: 2 running\n/);
    const batchId = asked.slice(0, 16);
    expect(await ask('job', 'run', 'look', ...names, '--key', 'k', '--retries', '1')).toContain(batchId);
    const watching = deployOs(['job', 'watch', '--batch', batchId, ...data]);
    const [first, second] = agents as [ScriptedAgent, ScriptedAgent];
    first.done(await first.next('job'));
    second.done(await second.next('job'), { code: 'target-changed', message: '=other disks' });
    const watched = await watching;
    expect([watched.status, watched.stderr]).toEqual([9, expect.stringContaining('1 of 2 jobs did not succeed')]);
    expect(watched.stderr).toContain('52-54-00-00-00-02  failed      target-changed');
    expect(await ask('batch', 'list')).toContain('1 succeeded, 1 failed');

    const [failed] = JSON.parse(await ask('job', 'list', '--state', 'failed', '--batch', batchId, '--json')) as Job[];
    const again = (await ask('job', 'retry', failed?.id ?? '')).trim();
    expect(await ask('job', 'pause', again)).toBe(`paused: ${again}\n`);
    expect(await ask('job', 'resume', again)).toBe(`goes on: ${again}\n`);
    const report = await ask('job', 'report', failed?.id ?? '');
    expect(report).toContain('Error:        target-changed: =other disks');
    expect(report).toContain('Step 1: check\n  no result');
    const csv = (await ask('job', 'export', '--csv')).trimEnd().split('\r\n');
    expect(csv).toHaveLength(4);
    expect(csv.find((line) => line.startsWith(failed?.id ?? '-'))).toContain("target-changed,'=other disks");
    expect(JSON.parse(await ask('job', 'export', '--json', '--since', '2020-01-01'))).toHaveLength(3);
  });

  it('says which server it wants, and why it does not believe another', async () => {
    await using server = await TestServer.start();
    const { url, caFingerprint, operatorToken } = server.running;
    const env = { DEPLOY_OS_SERVER: url, DEPLOY_OS_CA: caFingerprint, DEPLOY_OS_TOKEN: operatorToken };
    const list = (changes: Record<string, string>) => deployOs(['machine', 'list'], { ...env, ...changes });
    expect((await list({})).status).toBe(0);
    expect(await list({ DEPLOY_OS_TOKEN: '' })).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--token'),
    });
    expect(await list({ DEPLOY_OS_TOKEN: 'wrong' })).toMatchObject({ status: 10 });
    expect(await list({ DEPLOY_OS_CA: `sha256:${'0'.repeat(64)}` })).toMatchObject({
      status: 9,
      stderr: expect.stringContaining('is not the expected CA'),
    });
    expect(await list({ DEPLOY_OS_SERVER: 'https://127.0.0.1:1' })).toMatchObject({ status: 9 });
  });

  it.each([
    [['scenario', 'create', 'x', '--capture', 'a', '--restore', 'b', '--disk', 'only']],
    [['scenario', 'create', 'x', '--restore', 'b']],
    [['scenario', 'create', 'x', '--restore', 'b', '--disk', '/dev/sda']],
    [['scenario', 'create', 'x', '--restore', 'b', '--disk', 'number:first']],
    [['scenario', 'create', 'x', '--check', '--parent', 'a']],
    [['scenario', 'create', 'x', '--check', '--end', 'explode']],
    [['job', 'run', '--scenario', 'x']],
    [['job', 'run']],
    [['server', '--data', '/nonexistent', '--database', 'postgres://x']],
  ])('calls %j a fault of usage', async (args) => {
    expect((await deployOs(args)).status).toBe(2);
  });
});
