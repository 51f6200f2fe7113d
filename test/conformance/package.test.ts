// The Debian package, unpacked and run as it is installed; an upgrade under a job that runs (R8); the service's unit as systemd reads it.
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { ServerUnderTest } from '../../scripts/load/server-under-test.ts';
import { ScriptedAgent } from '../server/scripted-agent.ts';
import { uuidA } from '../server/support.ts';

const root = path.join(import.meta.dirname, '../..');
/** Quickly, not small. */
const level = '1';

it('is complete: the server runs from it, and a job outlives the upgrade to another one', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'deploy-os-package-test-'));
  try {
    const file = execFileSync(path.join(root, 'scripts/package'), [folder, level], { encoding: 'utf8' }).trim();
    const [first, second, data] = ['first', 'second', 'data'].map((name) => path.join(folder, name)) as [
      string,
      string,
      string,
    ];
    execFileSync('dpkg-deb', ['-x', file, first]);
    await mkdir(data);
    const program = (tree: string) => path.join(tree, 'usr/lib/deploy-os/cli/deploy-os');
    expect(execFileSync(program(first), ['--version'], { encoding: 'utf8' })).toBe('0.1.0\n');

    const old = await ServerUnderTest.start(data, [], program(first));
    const { token } = await old.api<{ token: string }>('POST', '/v1/boot-token', { uuid: uuidA, macs: [] });
    const facts = { port: old.child.port, token, uuid: uuidA, bootId: randomUUID() };
    const agent = await ScriptedAgent.join(facts);
    await agent.next('welcome');
    await old.api('POST', '/v1/scenarios', { name: 'look', steps: [{ kind: 'check' }], end: 'wait' });
    const [machine] = await old.api<{ id: string }[]>('GET', '/v1/machines');
    const job = await old.api<{ id: string }>('POST', '/v1/jobs', { scenario: 'look', machine: machine?.id });
    const handed = await agent.next('job');
    expect((await old.ask('GET', '/')).toString()).toContain('<html');
    const stopMs = performance.now();
    await old[Symbol.asyncDispose]();
    expect(performance.now() - stopMs).toBeLessThan(10_000);

    // The new version takes the old one's place; here it is the same, somewhere else.
    await rename(first, second);
    await using upgraded = await ServerUnderTest.start(data, ['--listen', `127.0.0.1:${facts.port}`], program(second));
    const again = await ScriptedAgent.join(facts, handed);
    expect((await again.next('welcome')).continueJob).toBe(true);
    again.done(handed);
    await again.next('doneReceived');
    expect(await upgraded.api('GET', `/v1/jobs/${job.id}`)).toMatchObject({ state: 'succeeded' });

    // What is there for `deploy-os build`, too, and nothing that only tests need.
    const modules = await readdir(path.join(second, 'usr/lib/deploy-os/node_modules'));
    expect(modules).toEqual(expect.arrayContaining(['fastify', 'rolldown', 'better-sqlite3']));
    expect(modules.filter((name) => ['vitest', 'typescript', 'playwright-core'].includes(name))).toEqual([]);
    const unit = path.join(second, 'usr/lib/systemd/system/deploy-os.service');
    // Where the program lies is all that may be wrong with it.
    const complaints = verify(unit).filter(
      (line) => line !== '' && !line.includes('/usr/bin/deploy-os is not executable'),
    );
    expect(complaints).toEqual([]);
    const completion = await readFile(path.join(second, 'usr/share/bash-completion/completions/deploy-os'), 'utf8');
    expect(completion).toContain('complete -o default -F _deploy_os deploy-os');
  } finally {
    await rm(folder, { recursive: true });
  }
}, 300_000);

function verify(unit: string): string[] {
  try {
    execFileSync('systemd-analyze', ['verify', unit], { encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] });
    return [];
  } catch (thrown) {
    return String((thrown as { stderr: string }).stderr).split('\n');
  }
}
