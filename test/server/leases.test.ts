// What a server remembers of the jobs that agents hold.
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { Leases } from '../../server/agents/leases.ts';
import { openByText } from '../fixtures/databases.ts';
import { ScriptedAgent } from './scripted-agent.ts';
import { TestServer, uuidA, uuidB } from './support.ts';

async function startJob(server: TestServer, uuid: string): Promise<[token: string, bootId: string]> {
  const facts = { port: server.running.port, token: await server.bootToken(uuid), uuid, bootId: randomUUID() };
  const agent = await ScriptedAgent.join(facts);
  const { machineId } = await agent.next('welcome');
  await server.api('POST', '/v1/jobs', { scenario: 'look', machine: machineId });
  await agent.next('job');
  return [facts.token, facts.bootId];
}

it('a lease is remembered with what is known of its images, and forgotten when nobody has asked for it for long', async () => {
  await using server = await TestServer.start({ approve: 'all' });
  await server.api('POST', '/v1/scenarios', { name: 'look', steps: [{ kind: 'check' }], end: 'wait' });
  const one = await startJob(server, uuidA);
  const other = await startJob(server, uuidB);
  const db = await openByText(server.database);
  try {
    let nowMs = 0;
    const leases = new Leases(db, openMemoryStore(), () => nowMs);
    const first = await leases.find(...one);
    // The database is asked anew, and says the same.
    nowMs += 3000;
    expect(await leases.find(...one)).toBe(first);
    nowMs += 9 * 60_000;
    await leases.find(...other);
    nowMs += 30_000;
    const second = await leases.find(...one);
    expect(second).toBe(first);
    nowMs += 11 * 60_000;
    await leases.find(...other);
    const anew = await leases.find(...one);
    expect(anew).not.toBe(first);
    expect(anew.jobId).toBe(first.jobId);
  } finally {
    await db.destroy();
  }
});
